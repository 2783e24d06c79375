package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tree makes a folder with a program, a file, a link and a folder for all to write.
func tree(t *testing.T, at time.Time) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root")
	for _, d := range []string{"etc", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"program": 0o755, "etc/passwd": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(filepath.Join(dir, "tmp"), 0o777), os.Symlink("program", filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.Type()&os.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(p, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func pack(t *testing.T, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image.tar")
	im := image{name: "blf:1", entry: "/program", user: "65532:65532", dir: "/", cmd: []string{"serve"}}
	if err := run(im, []string{"b=2", "a=1"}, out, args); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSameBytes: neither the folder, nor its times and rights, nor the order of the platforms shows in the archive.
func TestSameBytes(t *testing.T) {
	one, other := tree(t, time.Now()), tree(t, time.Unix(1e9, 0))
	if err := os.Chmod(filepath.Join(other, "program"), 0o700); err != nil {
		t.Fatal(err)
	}
	a := pack(t, "linux/amd64="+one, "linux/arm64="+one)
	b := pack(t, "linux/arm64="+other, "linux/amd64="+other)
	if !bytes.Equal(a, b) {
		t.Errorf("%s and %s", digest(a), digest(b))
	}
	if err := os.WriteFile(filepath.Join(other, "program"), []byte("another"), 0o755); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a, pack(t, "linux/amd64="+other, "linux/arm64="+other)) {
		t.Error("another program makes the same image")
	}
}

// TestLayout follows every pointer of the archive, from its index to the files of the layer.
func TestLayout(t *testing.T) {
	files := untar(t, bytes.NewReader(pack(t, "linux/amd64="+tree(t, time.Now()), "linux/arm64="+tree(t, time.Now()))))
	follow := func(d descriptor, v any) []byte {
		t.Helper()
		b := files["blobs/"+strings.Replace(d.Digest, ":", "/", 1)].body
		if digest(b) != d.Digest || len(b) != d.Size {
			t.Fatalf("%s: %d bytes of %s", d.Digest, len(b), digest(b))
		}
		if v != nil {
			if err := json.Unmarshal(b, v); err != nil {
				t.Fatal(err)
			}
		}
		return b
	}
	var top, index manifest
	if err := json.Unmarshal(files["index.json"].body, &top); err != nil {
		t.Fatal(err)
	}
	if name := top.Manifests[0].Annotations["io.containerd.image.name"]; name != "blf:1" {
		t.Errorf("it is called %q", name)
	}
	follow(top.Manifests[0], &index)
	if len(index.Manifests) != 2 || index.Annotations["a"] != "1" {
		t.Fatalf("%+v", index)
	}
	for _, d := range index.Manifests {
		var m manifest
		var c config
		follow(d, &m)
		follow(*m.Config, &c)
		if c.Architecture != d.Platform.Architecture || c.Config.Entrypoint[0] != "/program" || c.Config.User != "65532:65532" || c.Config.Cmd[0] != "serve" {
			t.Errorf("%+v", c)
		}
		z, err := gzip.NewReader(bytes.NewReader(follow(m.Layers[0], nil)))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if digest(plain) != c.RootFS.DiffIDs[0] {
			t.Errorf("the layer is %s, the config says %s", digest(plain), c.RootFS.DiffIDs[0])
		}
		got := ""
		for _, name := range []string{"etc/", "etc/passwd", "link", "program", "tmp/"} {
			f := untar(t, bytes.NewReader(plain))[name]
			got += fmt.Sprintf("%s %o %d %q %s\n", name, f.Mode, f.Uid, f.body, f.Linkname)
		}
		want := "etc/ 755 0 \"\" \netc/passwd 644 0 \"etc/passwd\" \nlink 777 0 \"\" program\nprogram 755 0 \"program\" \ntmp/ 1777 0 \"\" \n"
		if got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
}

type file struct {
	*tar.Header
	body []byte
}

func untar(t *testing.T, r io.Reader) map[string]file {
	t.Helper()
	out := map[string]file{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		out[h.Name] = file{h, b}
	}
}

func TestRefuses(t *testing.T) {
	dir := tree(t, time.Now())
	for _, c := range []struct {
		im     image
		labels []string
		args   []string
	}{
		{image{name: "blf", entry: "/program"}, nil, []string{"linux/amd64=" + dir}},
		{image{name: "blf:1", entry: "/program"}, nil, nil},
		{image{name: "blf:1", entry: "/program"}, nil, []string{dir}},
		{image{name: "blf:1", entry: "/program"}, []string{"label"}, []string{"linux/amd64=" + dir}},
		{image{name: "blf:1", entry: "/program"}, nil, []string{"linux/amd64=" + dir + "/none"}},
	} {
		out := filepath.Join(t.TempDir(), "image.tar")
		if err := run(c.im, c.labels, out, c.args); err == nil {
			t.Errorf("%+v is packed", c)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%+v leaves an archive", c)
		}
	}
}
