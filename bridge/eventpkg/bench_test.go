package eventpkg

import (
	"testing"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

func BenchmarkRender(b *testing.B) {
	lamp := lampOf(device.Ringing, false, ringingCall)
	for _, c := range Contents {
		b.Run(c.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = Render(c, Default, &lamp)
			}
		})
	}
}

func BenchmarkAppendBody(b *testing.B) {
	lamp := lampOf(device.Ringing, false, ringingCall)
	buf := make([]byte, 0, 2048)
	for _, c := range Contents {
		b.Run(c.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendBody(buf[:0], c, Default, &lamp, 4_000_000_000)
			}
		})
	}
}

func BenchmarkBodyAppend(b *testing.B) {
	lamp := lampOf(device.Ringing, false, ringingCall)
	body := Render(DialogInfo, Default, &lamp)
	buf := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		buf = body.Append(buf[:0], 4_000_000_000)
	}
}

func BenchmarkBodyHash(b *testing.B) {
	lamp := lampOf(device.Ringing, false, ringingCall)
	body := Render(DialogInfo, Default, &lamp)
	for b.Loop() {
		_ = body.Hash()
	}
}

func BenchmarkMask(b *testing.B) {
	lamp := lampOf(device.Busy, false, answeredCall, secondCall)
	for _, v := range policy.Views {
		b.Run(viewNames[v], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = Mask(lamp, v)
			}
		})
	}
}

// The hot path stamps and sends without garbage.
func TestAppendDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 8192)
	for _, d := range Dialects() {
		for _, lc := range lampCases {
			for _, c := range Contents {
				body := Render(c, d, &lc.lamp)
				for name, f := range map[string]func(){
					"Body.Append": func() { buf = body.Append(buf[:0], 4_000_000_000) },
					"AppendBody":  func() { buf = AppendBody(buf[:0], c, d, &lc.lamp, 4_000_000_000) },
					"Hash":        func() { _ = body.Hash() },
				} {
					if n := testing.AllocsPerRun(5, f); n != 0 {
						t.Fatalf("%s: %v %s %v allocates %v times", name, d, lc.name, c, n)
					}
				}
			}
		}
	}
}
