package main

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// epoch is the time of everything in an image.
var epoch = time.Unix(0, 0).UTC()

// layer writes a folder as a compressed tar: names in order, owner 0, time 0, and of the modes only whether a file can be run and
// whether a folder is for all to write. uncompressed gets the bytes before compression as well.
func layer(w, uncompressed io.Writer, folder string) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(io.MultiWriter(z, uncompressed))
	// WalkDir goes in lexical order.
	err = filepath.WalkDir(folder, func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == folder {
			return err
		}
		name, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		return entry(t, file, filepath.ToSlash(name), d)
	})
	return firstOf(err, t.Close(), z.Close())
}

func entry(t *tar.Writer, file, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, ModTime: epoch, Format: tar.FormatUSTAR}
	switch mode := info.Mode(); {
	case mode.IsDir():
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, name+"/", 0o755
		if mode.Perm()&0o002 != 0 {
			h.Mode = 0o1777
		}
	case mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Mode = tar.TypeSymlink, 0o777
		if h.Linkname, err = os.Readlink(file); err != nil {
			return err
		}
	case mode.IsRegular():
		h.Typeflag, h.Mode, h.Size = tar.TypeReg, 0o644, info.Size()
		if mode.Perm()&0o111 != 0 {
			h.Mode = 0o755
		}
	default:
		return fmt.Errorf("%s: neither file, folder nor link", path.Join("/", name))
	}
	if err := t.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return firstOf(err, f.Close())
}
