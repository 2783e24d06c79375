package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// redisServer is a Redis that a run has for itself, with an append-only file as an
// installation has it (appendfsync everysec).
type redisServer struct {
	cmd  *exec.Cmd
	dir  string
	addr string
}

// startRedis starts program on a free port of loopback.
func startRedis(program string) (*redisServer, error) {
	dir, err := os.MkdirTemp("", "blfbridge-bench-redis-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	r := &redisServer{dir: dir, addr: l.Addr().String()}
	_, port, _ := net.SplitHostPort(r.addr)
	_ = l.Close()
	r.cmd = exec.Command(program, "--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "yes", "--daemonize", "no", "--logfile", dir+"/log")
	Detach(r.cmd)
	if err := r.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("bench: %s does not start: %w", program, err), os.RemoveAll(dir))
	}
	for range 400 {
		if _, err = r.info("server"); err == nil {
			return r, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, errors.Join(fmt.Errorf("bench: %s does not answer: %w", program, err), r.close())
}

func (r *redisServer) close() error {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
	return os.RemoveAll(r.dir)
}

// ask sends one command on a connection of its own, and returns the first line of the answer
// and what follows.
func (r *redisServer) ask(words ...string) (head string, in *bufio.Reader, end func() error, err error) {
	c, err := net.DialTimeout("tcp", r.addr, time.Second)
	if err != nil {
		return "", nil, nil, fmt.Errorf("bench: %w", err)
	}
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	text := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		text += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	if _, err = io.WriteString(c, text); err == nil {
		in = bufio.NewReader(c)
		head, err = in.ReadString('\n')
	}
	if err != nil {
		return "", nil, nil, errors.Join(fmt.Errorf("bench: %w", err), c.Close())
	}
	return strings.TrimSpace(head), in, c.Close, nil
}

// subscriptions is the memory of the shards that replicas made, bytes.
func (r *redisServer) subscriptions(replicas int) (sum float64, err error) {
	for shard := 64; shard < 64+16*replicas; shard++ {
		head, _, end, err := r.ask("MEMORY", "USAGE", fmt.Sprintf("{bench:s%02d}:subs", shard), "SAMPLES", "0")
		if err != nil {
			return 0, err
		}
		_ = end()
		if n, err := strconv.ParseFloat(strings.TrimPrefix(head, ":"), 64); err == nil { // else there is none
			sum += n
		}
	}
	return sum, nil
}

// info asks for a section of INFO: name → value.
func (r *redisServer) info(section string) (map[string]string, error) {
	head, in, end, err := r.ask("INFO", section)
	if err != nil {
		return nil, err
	}
	defer func() { _ = end() }()
	n, err := strconv.Atoi(strings.TrimPrefix(head, "$"))
	if err != nil {
		return nil, fmt.Errorf("bench: INFO: %q", head)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(in, text); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[name] = value
		}
	}
	return out, nil
}

// RedisUse is what a Redis did, since its start or between two looks.
type RedisUse struct {
	// Commands are calls by name as INFO commandstats counts them: a script, and each
	// command within it.
	Commands map[string]float64 `json:"commands"`
	In       float64            `json:"in_bytes"`
	Out      float64            `json:"out_bytes"`
	CPU      time.Duration      `json:"cpu_ns"`
}

// Total is the number of all calls.
func (u *RedisUse) Total() (sum float64) {
	for _, n := range u.Commands {
		sum += n
	}
	return sum
}

// use looks at what it did. The look itself is left out.
func (r *redisServer) use() (u RedisUse, err error) {
	u.Commands = map[string]float64{}
	calls, err := r.info("commandstats")
	if err != nil {
		return u, err
	}
	for name, v := range calls {
		name, ok := strings.CutPrefix(name, "cmdstat_")
		if text, _, _ := strings.Cut(strings.TrimPrefix(v, "calls="), ","); ok && name != "info" {
			u.Commands[name], _ = strconv.ParseFloat(text, 64)
		}
	}
	all, err := r.info("stats")
	if err != nil {
		return u, err
	}
	number := func(m map[string]string, name string) float64 {
		v, _ := strconv.ParseFloat(m[name], 64)
		return v
	}
	u.In, u.Out = number(all, "total_net_input_bytes"), number(all, "total_net_output_bytes")
	u.CPU = cpuOf([]int{r.cmd.Process.Pid})
	return u, nil
}

// since is what was done after an earlier look.
func (u RedisUse) since(was RedisUse) RedisUse {
	d := RedisUse{Commands: map[string]float64{}, In: u.In - was.In, Out: u.Out - was.Out, CPU: u.CPU - was.CPU}
	for name, n := range u.Commands {
		if n -= was.Commands[name]; n > 0 {
			d.Commands[name] = n
		}
	}
	return d
}
