package show

import "io"

// Finding writes one thing that doctor looked at, and how to mend it.
func Finding(w io.Writer, result, name, detail, fix string, paint Paint) {
	p := &printer{w: w}
	colour := map[string]string{"ok": green, "warning": yellow, "failed": red}[result]
	p.f("%s  %-26s %s\n", paint.in(colour, pad(result)), clean(name), clean(detail))
	if fix != "" {
		p.f("%10s%s\n", "", paint.in(bold, "fix: "+clean(fix)))
	}
}

func pad(s string) string { return (s + "        ")[:8] }
