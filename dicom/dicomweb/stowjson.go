package dicomweb

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// Bounds of objects that are sent as metadata and bulk data.
const (
	maxJSON   = 64 << 20 // bytes of metadata in one request
	maxHeld   = 1 << 20  // of a value that is held; longer ones are copied from the spool
	maxSpool  = 16 << 30
	maxValues = 1 << 16 // parts with bulk data
)

// A value is bulk data in the spool: one run of bytes, or a frame for each part where
// they are compressed.
type value struct {
	syntax uid.UID // zero if they are plain
	runs   []run
}

type run struct{ at, n int64 }

// A bulky is a request with metadata and bulk data (PS3.18 10.5.1.2.2).
type bulky struct {
	spool  Spool
	n      int64
	values map[string]*value // by Content-Location
	parts  int
	marks  map[string]string // what stands for a value, to its location
}

// metadata takes the parts of a request whose root is metadata: all of that first, then
// the values that it refers to. These wait in a spool, for they come in any order.
func (b *batch) metadata(ctx context.Context, p *partReader) error {
	if b.h.Spool == nil {
		return unsupportedType()
	}
	spool, err := b.h.Spool()
	if err != nil {
		return err
	}
	defer func() { _ = spool.Close() }() // it was ours alone
	k := &bulky{spool: spool, values: map[string]*value{}}
	var texts [][]byte
	left := int64(maxJSON)
	for {
		part, err := p.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return b.bodyError(err)
		}
		if part.kind.String() == typeJSON || part.kind.String() == typePlainJSON {
			text, err := io.ReadAll(io.LimitReader(part, left+1))
			if left -= int64(len(text)); err == nil && left < 0 {
				err = fault.Errorf(fault.Exhausted, "more than %d bytes of metadata: store in several requests", maxJSON)
			}
			if err != nil {
				return b.bodyError(err)
			}
			texts = append(texts, text)
			continue
		}
		if err := k.keep(part); err != nil {
			if part.err != nil {
				err = part.err
			}
			return b.bodyError(err)
		}
	}
	for _, text := range texts {
		b.objects(ctx, k, text)
	}
	return nil
}

// keep puts a part with bulk data into the spool.
func (k *bulky) keep(part *incoming) error {
	if part.location == "" {
		return fault.Errorf(fault.Invalid, "a part with bulk data has no Content-Location to be found by (PS3.18 8.6.1.2)")
	}
	if k.parts++; k.parts > maxValues {
		return fault.Errorf(fault.Exhausted, "more than %d parts", maxValues)
	}
	syntax := part.syntax()
	n, err := io.Copy(k.spool, io.LimitReader(part, maxSpool-k.n+1))
	switch {
	case err != nil:
		return err
	case k.n+n > maxSpool:
		return fault.Errorf(fault.Exhausted, "more than %d bytes of bulk data in one request", int64(maxSpool))
	}
	v := k.values[part.location]
	if v == nil {
		v = &value{syntax: syntax}
		k.values[part.location] = v
	}
	if len(v.runs) > 0 && v.syntax.IsZero() || v.syntax != syntax {
		return fault.Errorf(fault.Invalid, "two parts with bulk data have the same Content-Location")
	}
	v.runs = append(v.runs, run{k.n, n})
	k.n += n
	return nil
}

// syntax returns the transfer syntax of compressed pixels, zero for plain bytes.
func (i *incoming) syntax() uid.UID {
	if u, err := uid.Parse(i.kind.params["transfer-syntax"]); err == nil {
		if plain(u) {
			return uid.UID{}
		}
		return u
	}
	for _, c := range codeds {
		if c.media == i.kind.String() {
			return c.syntaxes[0]
		}
	}
	return uid.UID{}
}

// objects takes the objects of an array of metadata.
func (b *batch) objects(ctx context.Context, k *bulky, text []byte) {
	k.marks = map[string]string{}
	lim := dicom.JSONLimits{Bytes: maxJSON, Bulk: func(uri string) ([]byte, error) { return k.lookup(b, uri) }}
	for one, err := range dicom.ReadJSONArray(bytes.NewReader(text), lim) {
		if err != nil {
			b.all = append(b.all, &outcome{err: err})
			return
		}
		file, err := k.file(one)
		if err != nil {
			b.all = append(b.all, &outcome{err: err})
			continue
		}
		b.take(ctx, file)
		clear(k.marks)
	}
}

// lookup returns a value, or what stands for it until it is copied.
func (k *bulky) lookup(b *batch, uri string) ([]byte, error) {
	v := k.values[uri]
	if v == nil {
		return nil, fault.Errorf(fault.Invalid, "a BulkDataURI has no part with such a Content-Location in the request (PS3.18 10.5.1.2.2)")
	}
	if r := v.runs[0]; v.syntax.IsZero() && r.n <= maxHeld {
		raw := make([]byte, r.n)
		_, err := io.ReadFull(io.NewSectionReader(k.spool, r.at, r.n), raw)
		return raw, err
	}
	mark, _ := hex.DecodeString(b.h.boundary()) // it is hexadecimal
	k.marks[string(mark)] = uri
	return mark, nil
}

// file returns the object as a file (PS3.10): what the metadata say, with the long
// values copied from where they are. It is read once.
func (k *bulky) file(one *dicom.Builder) (io.Reader, error) {
	first, err := one.Dataset()
	if err != nil {
		return nil, err
	}
	for e := range first.All() { // of a file, not of the data set
		if e.Tag().Group() <= 2 || e.Tag() == tag.AvailableTransferSyntaxUID {
			one.Delete(e.Tag())
		}
	}
	ds, err := one.Dataset()
	if err != nil {
		return nil, err
	}
	syntax, err := k.syntax(ds)
	if err != nil {
		return nil, err
	}
	var meta, rest bytes.Buffer
	if err := dicom.WriteMeta(&meta, dicom.Meta{
		SOPClass: ds.UID(tag.SOPClassUID), SOPInstance: ds.UID(tag.SOPInstanceUID), TransferSyntax: syntax,
	}); err != nil {
		return nil, err
	}
	if err := dicom.Write(&rest, ds, uid.ExplicitVRLittleEndian); err != nil {
		return nil, err
	}
	return k.splice(meta.Bytes(), rest.Bytes())
}

// syntax returns the transfer syntax of an object, which its pixels decide. Values
// that are copied stand at the top.
func (k *bulky) syntax(ds *dicom.Dataset) (uid.UID, error) {
	syntax, found := uid.ExplicitVRLittleEndian, 0
	for e := range ds.All() {
		if e.Sequence() || e.Length() != 16 {
			continue
		}
		raw, err := e.Bytes()
		if err != nil {
			return syntax, err
		}
		uri, ok := k.marks[string(raw)]
		if !ok {
			continue
		}
		found++
		v := k.values[uri]
		switch {
		case !e.VR().Long():
			return syntax, fault.Errorf(fault.Invalid, "%v: bulk data longer than a value of VR %v can be", e.Tag(), e.VR())
		case !v.syntax.IsZero() && e.Tag() != tag.PixelData:
			return syntax, fault.Errorf(fault.Invalid, "%v: only Pixel Data are compressed (PS3.5 8.2)", e.Tag())
		case !v.syntax.IsZero():
			syntax = v.syntax
		}
	}
	if found != len(k.marks) {
		return syntax, fault.Errorf(fault.Exhausted, "a value inside of a sequence has more than %d bytes: send the object as application/dicom", maxHeld)
	}
	return syntax, nil
}

// splice puts the long values into the places of their marks.
func (k *bulky) splice(meta, rest []byte) (io.Reader, error) {
	all := []io.Reader{bytes.NewReader(meta)}
	for len(k.marks) > 0 {
		at, mark := len(rest), ""
		for m := range k.marks {
			if i := bytes.Index(rest, []byte(m)); i >= 0 && i < at {
				at, mark = i, m
			}
		}
		if mark == "" || at < 12 {
			return nil, fault.Errorf(fault.Internal, "a value got lost")
		}
		head, v := bytes.Clone(rest[:at]), k.values[k.marks[mark]]
		length := head[at-4:]
		if v.syntax.IsZero() {
			n := v.runs[0].n
			if n+n%2 >= 1<<32-1 {
				return nil, fault.Errorf(fault.Exhausted, "a value of %d bytes (PS3.5 7.1)", n)
			}
			binary.LittleEndian.PutUint32(length, uint32(n+n%2)) //nolint:gosec // checked
			all = append(all, bytes.NewReader(head), k.padded(v.runs[0]))
		} else {
			copy(head[at-8:], "OB\x00\x00\xFF\xFF\xFF\xFF")
			all = append(all, bytes.NewReader(head), strings.NewReader("\xFE\xFF\x00\xE0\x00\x00\x00\x00"))
			for _, r := range v.runs {
				if r.n >= 1<<32-2 {
					return nil, fault.Errorf(fault.Exhausted, "a frame of %d bytes (PS3.5 A.4)", r.n)
				}
				item := binary.LittleEndian.AppendUint32([]byte("\xFE\xFF\x00\xE0"), uint32(r.n+r.n%2)) //nolint:gosec // checked
				all = append(all, bytes.NewReader(item), k.padded(r))
			}
			all = append(all, strings.NewReader("\xFE\xFF\xDD\xE0\x00\x00\x00\x00"))
		}
		rest = rest[at+len(mark):]
		delete(k.marks, mark)
	}
	return io.MultiReader(append(all, bytes.NewReader(rest))...), nil
}

// padded returns a run, with a zero behind it if it is odd.
func (k *bulky) padded(r run) io.Reader {
	body := io.NewSectionReader(k.spool, r.at, r.n)
	if r.n%2 == 0 {
		return body
	}
	return io.MultiReader(body, strings.NewReader("\x00"))
}
