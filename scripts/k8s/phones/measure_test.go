package main

import (
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
)

func second(s float64) time.Time {
	return time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second)))
}

func TestLags(t *testing.T) {
	line := []change{{second(0), device.Idle}, {second(10), device.Ringing}, {second(12), device.Busy}, {second(14), device.Idle}}
	for _, c := range []struct {
		name string
		lamp []shown
		want []float64
	}{
		{"as it should be", []shown{{second(0.1), device.Idle}, {second(10.1), device.Ringing}, {second(12.1), device.Busy}, {second(14.1), device.Idle}}, []float64{0.1, 0.1, 0.1, 0.1}},
		{"told before the phone itself knew", []shown{{second(0), device.Idle}, {second(9.9), device.Ringing}, {second(11.9), device.Busy}, {second(13.9), device.Idle}}, []float64{0, 0, 0, 0}},
		{"silent for a while, then the last state", []shown{{second(0), device.Idle}, {second(14.5), device.Idle}}, []float64{0, 4.5, 2.5, 0.5}},
		{"right by chance only", []shown{{second(0), device.Idle}}, []float64{0, 10, 8, 6}},
		{"an old state comes late", []shown{{second(0), device.Idle}, {second(12.5), device.Ringing}, {second(13), device.Busy}, {second(14), device.Idle}}, []float64{0, 3, 1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := lags(line, c.lamp, second(20))
			for i, l := range got {
				if d := l.d.Seconds() - c.want[i]; d > 0.001 || d < -0.001 {
					t.Errorf("change %d: %v, want %v s", i, l.d, c.want[i])
				}
			}
		})
	}
	all := lags(line, []shown{{second(0), device.Idle}, {second(14.5), device.Idle}}, second(20))
	if w := worst(all, second(13), second(13.5)); w.d != 4500*time.Millisecond {
		t.Errorf("the worst while nothing was told: %v", w)
	}
	if w := worst(all, second(15), second(16)); w.d != 0 {
		t.Errorf("the worst afterwards: %v", w)
	}
}

func TestAround(t *testing.T) {
	line := []change{{second(0), device.Idle}, {second(10), device.Ringing}, {second(12), device.Busy}}
	got := around(lag{second(10), time.Second}, line, []shown{{second(1), device.Idle}, {second(11), device.Ringing}})
	for _, want := range []string{"the line is ringing", "the lamp shows ringing", "the line is busy"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is not there once:%s", want, got)
		}
	}
	if strings.Contains(got, "idle") {
		t.Errorf("what was long before:%s", got)
	}
}

func TestReadSteps(t *testing.T) {
	steps, err := readSteps(strings.NewReader("# a list\nkill: kubectl delete pod x\n\nredis [-]: true\nslow one [3.5]: echo a: b\n"))
	if err != nil || len(steps) != 3 {
		t.Fatal(steps, err)
	}
	if s := steps[0]; s.name != "kill" || s.command != "kubectl delete pod x" || s.bar != 2*time.Second {
		t.Errorf("%+v", s)
	}
	if s := steps[1]; s.name != "redis" || s.bar != 0 {
		t.Errorf("%+v", s)
	}
	if s := steps[2]; s.name != "slow one" || s.command != "echo a: b" || s.bar != 3500*time.Millisecond {
		t.Errorf("%+v", s)
	}
	for _, bad := range []string{"", "no command", "x [0]: true", "x [soon]: true"} {
		if _, err := readSteps(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
