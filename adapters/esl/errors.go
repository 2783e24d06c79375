package esl

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

// Why a session with the PBX ended or could not begin. Down receives them wrapped with
// the source's address and, where there is one, the configuration key to mend.
var (
	// ErrRejected: FreeSWITCH answered text/rude-rejection, its access list refuses us.
	ErrRejected = errors.New("esl: connection rejected by the PBX's access list")
	// ErrAuth: the password, or the user, is not the PBX's.
	ErrAuth = errors.New("esl: authentication refused")
	// ErrSilent: something accepted the connection and says nothing.
	ErrSilent = errors.New("esl: no greeting from the server")
	// ErrNotESL: what answers does not speak the event socket protocol.
	ErrNotESL = errors.New("esl: not an event socket")
	// ErrFrame: the framing is broken, nothing after it can be trusted.
	ErrFrame = errors.New("esl: broken frame")
	// ErrLost: the connection ended.
	ErrLost = errors.New("esl: connection lost")
	// ErrDisconnected: FreeSWITCH said goodbye (text/disconnect-notice).
	ErrDisconnected = errors.New("esl: the PBX disconnects")
	// ErrTimeout: a command was not answered within the command timeout.
	ErrTimeout = errors.New("esl: command not answered in time")
	// ErrCommand: FreeSWITCH refused a command that is needed.
	ErrCommand = errors.New("esl: command refused")
	// ErrConfig: a Config can not work; the text names the key.
	ErrConfig = errors.New("esl: bad configuration")
)

// lost wraps what the socket said; a peer that closed is not an I/O error to the reader
// of a log but the fact itself.
func lost(err error) error {
	switch {
	case errors.Is(err, ErrFrame), errors.Is(err, ErrLost):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w in the middle of a frame", ErrLost)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: closed by the PBX", ErrLost)
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}
