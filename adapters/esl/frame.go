package esl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Limits of one frame. The largest event seen is 13.4 kB; the largest answer is
// show channels, about 900 bytes a channel.
const (
	maxHeader = 64 << 10
	maxEvent  = 1 << 20
	maxReply  = 64 << 20
)

// frame is one message of the event socket: a header block and Content-Length bytes.
type frame struct {
	contentType string
	reply       string // Reply-Text, of command/reply
	body        []byte // valid until the next read
	// tooBig: the body was larger than an event may be and was skipped.
	tooBig bool
}

// frameReader reads frames. It keeps no more than one frame in memory, and of that no
// more than has arrived. Not safe for concurrent use.
type frameReader struct {
	r    *bufio.Reader
	buf  bytes.Buffer
	odd  func() // called once for each header line that was skipped
	read int    // bytes of the current header block
}

func newFrameReader(r io.Reader, odd func()) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 64<<10), odd: odd}
}

// next reads one frame. io.EOF means that the peer closed between frames,
// io.ErrUnexpectedEOF within one, ErrFrame that the framing is broken.
func (f *frameReader) next() (frame, error) {
	var fr frame
	length, haveLength, lines := 0, false, 0
	f.read = 0
	for {
		line, err := f.line()
		if err != nil {
			if errors.Is(err, io.EOF) && (f.read > 0 || lines > 0) {
				err = io.ErrUnexpectedEOF
			}
			return frame{}, err
		}
		if len(line) == 0 {
			if lines == 0 {
				continue // a stray empty line before a frame
			}
			break
		}
		lines++
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			f.odd()
			continue
		}
		v := string(bytes.TrimSpace(value))
		switch strings.ToLower(string(bytes.TrimSpace(name))) {
		case "content-type":
			fr.contentType = v
		case "reply-text":
			fr.reply = v
		case "content-length":
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 || haveLength && n != length {
				return frame{}, fmt.Errorf("%w: Content-Length %.40q", ErrFrame, v)
			}
			length, haveLength = n, true
		}
	}
	return fr, f.body(&fr, length)
}

// line reads up to a line feed, without it; the slice is valid until the next read.
func (f *frameReader) line() ([]byte, error) {
	line, err := f.r.ReadSlice('\n')
	f.read += len(line)
	if errors.Is(err, bufio.ErrBufferFull) || f.read > maxHeader {
		return nil, fmt.Errorf("%w: header block above %d bytes", ErrFrame, maxHeader)
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func (f *frameReader) body(fr *frame, length int) error {
	if length == 0 {
		return nil
	}
	if length > maxReply {
		return fmt.Errorf("%w: body of %d bytes", ErrFrame, length)
	}
	if strings.HasPrefix(fr.contentType, "text/event-") && length > maxEvent {
		fr.tooBig = true
		_, err := io.CopyN(io.Discard, f.r, int64(length))
		return unexpected(err)
	}
	if f.buf.Cap() > maxEvent {
		f.buf = bytes.Buffer{} // do not keep the memory of a huge answer
	}
	f.buf.Reset()
	if _, err := io.CopyN(&f.buf, f.r, int64(length)); err != nil {
		return unexpected(err)
	}
	fr.body = f.buf.Bytes()
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
