package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// image is what is packed.
type image struct {
	name, entry, user, dir string
	cmd                    []string
	labels                 map[string]string
	roots                  []root
}

// root is the file system for one platform.
type root struct{ os, arch, folder string }

// descriptor points to a blob (OCI Image Specification, "descriptor").
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type config struct {
	platform
	Created string    `json:"created"`
	Config  runConfig `json:"config"`
	RootFS  rootFS    `json:"rootfs"`
}

type runConfig struct {
	User       string            `json:",omitempty"`
	Entrypoint []string          `json:",omitempty"`
	Cmd        []string          `json:",omitempty"`
	Env        []string          `json:",omitempty"`
	WorkingDir string            `json:",omitempty"`
	Labels     map[string]string `json:",omitempty"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// write packs the image as an archive and returns the digest of its index. All blobs are in memory until then: an image
// is some ten megabytes.
func (im image) write(w io.Writer) (string, error) {
	l := layout{w: tar.NewWriter(w), had: map[string]bool{}}
	index := manifest{SchemaVersion: 2, MediaType: typeIndex, Annotations: im.labels}
	for _, r := range im.roots {
		m, err := im.platform(&l, r)
		if err != nil {
			return "", err
		}
		index.Manifests = append(index.Manifests, m)
	}
	top := l.json(typeIndex, index)
	// What ctr and docker take for the name, and the tag alone as the layout's specification has it.
	top.Annotations = map[string]string{
		"io.containerd.image.name":          im.name,
		"org.opencontainers.image.ref.name": im.name[strings.LastIndex(im.name, ":")+1:],
	}
	l.file("index.json", encode(manifest{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{top}}))
	l.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return top.Digest, firstOf(l.err, l.w.Close())
}

// platform adds the blobs of one platform.
func (im image) platform(l *layout, r root) (descriptor, error) {
	var packed bytes.Buffer
	plain := sha256.New()
	if err := layer(&packed, plain, r.folder); err != nil {
		return descriptor{}, err
	}
	p := platform{Architecture: r.arch, OS: r.os}
	c := l.json(typeConfig, config{
		platform: p,
		Created:  epoch.Format("2006-01-02T15:04:05Z"),
		Config: runConfig{
			User: im.user, Entrypoint: []string{im.entry}, Cmd: im.cmd, WorkingDir: im.dir, Labels: im.labels,
			Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		},
		RootFS: rootFS{Type: "layers", DiffIDs: []string{fmt.Sprintf("sha256:%x", plain.Sum(nil))}},
	})
	m := l.json(typeManifest, manifest{SchemaVersion: 2, MediaType: typeManifest, Config: &c, Layers: []descriptor{l.blob(typeLayer, packed.Bytes())}})
	m.Platform = &p
	return m, nil
}

// layout is the archive being written; its first error stays.
type layout struct {
	w   *tar.Writer
	had map[string]bool
	err error
}

func encode(v any) []byte {
	b, err := json.Marshal(v) // maps come out in the order of their keys
	if err != nil {
		panic(err) // strings, numbers and maps of strings only
	}
	return b
}

func (l *layout) json(mediaType string, v any) descriptor { return l.blob(mediaType, encode(v)) }

func (l *layout) blob(mediaType string, b []byte) descriptor {
	d := descriptor{MediaType: mediaType, Digest: digest(b), Size: len(b)}
	if !l.had[d.Digest] {
		l.had[d.Digest] = true
		l.file("blobs/"+strings.Replace(d.Digest, ":", "/", 1), b)
	}
	return d
}

func (l *layout) file(name string, b []byte) {
	if l.err == nil {
		l.err = l.w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(b)), ModTime: epoch, Format: tar.FormatUSTAR})
	}
	if l.err == nil {
		_, l.err = l.w.Write(b)
	}
}
