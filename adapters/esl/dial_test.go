package esl

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// server answers each connection with handle.
func server(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			handle(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

func say(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c) // until the client is fed up
	}
}

// greetThen greets, and answers the commands one by one with texts, then no more.
func greetThen(texts ...string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, "Content-Type: auth/request\n\n")
		r := bufio.NewReader(c)
		for _, text := range texts {
			for line := "x"; strings.TrimSpace(line) != ""; {
				var err error
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
			}
			_, _ = io.WriteString(c, text)
		}
		_, _ = io.Copy(io.Discard, r)
	}
}

// Whatever is at the address, the reason is found within the deadlines and says what to mend.
func TestConnectErrors(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := unused.Addr().String()
	unused.Close()
	ok := "Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
	denied := "Content-Type: api/response\nContent-Length: 23\n\n-ERR permission denied\n"
	for _, tc := range []struct {
		name, addr, user string
		want             error
		says             []string
	}{
		{"nobody there", refused, "", ErrLost, []string{"address", "event_socket.conf.xml"}},
		{"access list", server(t, say("Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n")), "", ErrRejected, []string{"acl.conf.xml", "event_socket.conf.xml"}},
		{"silent", server(t, say("")), "", ErrSilent, []string{"address", "auth_timeout"}},
		{"half a greeting, then silent", server(t, say("Content-Type: au")), "", ErrSilent, []string{"auth_timeout"}},
		{"closes at once", server(t, func(net.Conn) {}), "", ErrLost, []string{"greeting", "address"}},
		{"a web server", web.Listener.Addr().String(), "", ErrSilent, []string{"address"}},
		{"SSH", server(t, say("SSH-2.0-OpenSSH_9.6\r\n\r\n")), "", ErrNotESL, []string{"address", "auth/request"}},
		{"SMTP that goes on for ever", server(t, say(strings.Repeat("220 hello ", 10000))), "", ErrNotESL, []string{"address"}},
		{"wrong password", server(t, greetThen("Content-Type: command/reply\nReply-Text: -ERR invalid\n\n")), "", ErrAuth, []string{"password", "event_socket.conf.xml"}},
		{"wrong user", server(t, greetThen("Content-Type: command/reply\nReply-Text: -ERR invalid\n\n")), "a@b.test", ErrAuth, []string{"user", "a@b.test", "directory"}},
		{"silent after the password", server(t, greetThen("")), "", ErrTimeout, []string{"auth_timeout"}},
		{"silent after the login", server(t, greetThen(ok)), "", ErrTimeout, []string{"event plain"}},
		{"no permission for events", server(t, greetThen(ok, "Content-Type: command/reply\nReply-Text: -ERR permission denied\n\n")), "a@b.test", ErrCommand, []string{"esl-allowed-events"}},
		{"no permission for api", server(t, greetThen(ok, ok, denied, denied, denied)), "a@b.test", ErrCommand, []string{"show channels", "esl-allowed-api"}},
		{"an answer to nothing", server(t, greetThen(ok, ok+ok+ok)), "", ErrFrame, []string{"no command"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src, err := New(Config{
				Name: "x", Address: tc.addr, Password: "topsecret", User: tc.user,
				DialTimeout: time.Second, AuthTimeout: 150 * time.Millisecond, CommandTimeout: 200 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			src.settle = time.Millisecond
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			ses := session{s: src, sink: newBoard(), m: newModel(src.cfg)}
			err = ses.run(ctx)
			if !errors.Is(err, tc.want) || ses.wasUp {
				t.Fatalf("got %v (up %v), want %v", err, ses.wasUp, tc.want)
			}
			for _, s := range tc.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
			if strings.Contains(err.Error(), "topsecret") {
				t.Errorf("%q tells the password", err)
			}
		})
	}
}

// A cancelled context ends Run at once, whatever the server does.
func TestCancelWhileConnecting(t *testing.T) {
	src, err := New(Config{Name: "x", Address: server(t, say("")), Password: "p", AuthTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	if err := src.Run(ctx, newBoard()); err != nil || time.Since(start) > 2*time.Second {
		t.Errorf("Run returned %v after %v", err, time.Since(start))
	}
}
