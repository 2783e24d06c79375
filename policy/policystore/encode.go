package policystore

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"blfbridge/policy"
)

// compressAbove is how long JSON may be that is stored as it is, in bytes: a document that
// people look at with the store's own tools. A large one takes a tenth of the room and of
// the time to travel.
const compressAbove = 64 << 10

// maxDecoded bounds what a compressed document may become, in bytes.
const maxDecoded = 1 << 30

// gzipMagic is how a compressed document begins, and JSON never does.
var gzipMagic = []byte{0x1f, 0x8b}

// encode checks a document and makes the stored form of it.
func encode(d *policy.Document) ([]byte, error) {
	if d == nil {
		d = &policy.Document{}
	}
	if err := policy.Validate(d); err != nil {
		return nil, err
	}
	var p packer
	err := writeObject(&p, json.NewEncoder(&p), reflect.ValueOf(d).Elem())
	if err == nil {
		err = p.close()
	}
	if err != nil {
		return nil, fmt.Errorf("policystore: cannot encode the policy: %w", err)
	}
	return p.buf.Bytes(), nil
}

// writeObject writes a document or tenant element by element: as one value it would be in
// memory whole, and several times.
func writeObject(w io.Writer, enc *json.Encoder, v reflect.Value) error {
	sep := "{"
	for i := range v.NumField() {
		f, x := v.Type().Field(i), v.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		list := x.Kind() == reflect.Slice && x.Type().Elem().Kind() == reflect.Struct
		if strings.Contains(options, "omit") && (x.IsZero() || x.Kind() == reflect.Slice && x.Len() == 0) {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s%q:", sep, key); err != nil {
			return err
		}
		sep = ","
		write := func() error { return enc.Encode(x.Addr().Interface()) }
		if list {
			write = func() error { return writeList(w, enc, x) }
		}
		if err := write(); err != nil {
			return err
		}
	}
	if sep == "{" {
		_, err := io.WriteString(w, "{}")
		return err
	}
	_, err := io.WriteString(w, "}")
	return err
}

func writeList(w io.Writer, enc *json.Encoder, list reflect.Value) error {
	for i := range list.Len() {
		if _, err := io.WriteString(w, "[,"[min(i, 1):min(i, 1)+1]); err != nil {
			return err
		}
		e := list.Index(i)
		var err error
		if e.Type() == reflect.TypeFor[policy.Tenant]() {
			err = writeObject(w, enc, e)
		} else {
			err = enc.Encode(e.Addr().Interface())
		}
		if err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "]")
	return err
}

// packer compresses what becomes longer than compressAbove.
type packer struct {
	buf bytes.Buffer
	zip *gzip.Writer
}

// Write implements io.Writer.
func (p *packer) Write(b []byte) (int, error) {
	if p.zip == nil {
		if p.buf.Len()+len(b) <= compressAbove {
			return p.buf.Write(b)
		}
		plain := p.buf
		p.buf = bytes.Buffer{}
		p.zip, _ = gzip.NewWriterLevel(&p.buf, gzip.BestSpeed) // a valid level
		if _, err := plain.WriteTo(p.zip); err != nil {
			return 0, err
		}
	}
	return p.zip.Write(b)
}

func (p *packer) close() error {
	if p.zip == nil {
		return nil
	}
	return p.zip.Close()
}

// decode reads the stored form. Unknown keys are an error: they were written by a newer
// version, and a rule that is not understood must not be dropped silently.
func decode(text []byte) (*policy.Document, error) {
	var in io.Reader = bytes.NewReader(text)
	if bytes.HasPrefix(text, gzipMagic) {
		unzip, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		in = io.LimitReader(unzip, maxDecoded)
	}
	d := &policy.Document{}
	dec := json.NewDecoder(in)
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		if strings.Contains(err.Error(), "unknown field") {
			err = fmt.Errorf("%w: a newer blfbridge wrote it: use that one, or import a policy without that key", err)
		}
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	switch _, err := dec.Token(); {
	case err == nil:
		return nil, fmt.Errorf("%w: something follows the document", ErrCorrupt)
	case !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return d, nil
}
