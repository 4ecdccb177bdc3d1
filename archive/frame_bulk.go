package archive

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// A Bulk is one value of an instance, which the caller closes.
type Bulk struct {
	io.ReadCloser
	Length    int64 // in bytes
	VR        vr.VR
	BigEndian bool // numbers begin with the high byte, against PS3.18 8.7.3.2
	// Encapsulated says that the bytes are fragments, joined: if the instance has several
	// frames they are to be asked for one by one.
	Encapsulated bool
}

// Bulk opens the value of an element by the path that Metadata gives it, by a ranged
// read. NotFound: the instance has no such element; Invalid: path is none, or the
// element is a sequence; Unsupported: the object is deflated.
func (a *Archive) Bulk(ctx context.Context, i Instance, path string) (Bulk, error) {
	steps, err := parsePath(path)
	if err != nil {
		return Bulk{}, err
	}
	o, err := a.openNow(ctx, i)
	if err != nil {
		return Bulk{}, err
	}
	b, err := o.value(steps)
	if err != nil {
		o.Close()
		return Bulk{}, fmt.Errorf("instance %s: %w", i.SOP, err)
	}
	return b, nil
}

// A step is an element on the way to another, and the item below it, counted from 1;
// 0 at the end.
type step struct {
	tag  tag.Tag
	item int
}

// parsePath reads a path such as 54000100/1/54001010.
func parsePath(path string) ([]step, error) {
	parts := strings.Split(path, "/")
	wrong := fault.Errorf(fault.Invalid, "bulk data: a path is tags of eight digits and numbers of items, such as 54000100/1/54001010")
	if len(parts)%2 == 0 || len(parts) > 2*maxNested+1 {
		return nil, wrong
	}
	var all []step
	for n := 0; n < len(parts); n += 2 {
		t, err := strconv.ParseUint(parts[n], 16, 32)
		if err != nil || len(parts[n]) != 8 {
			return nil, wrong
		}
		s := step{tag: tag.Tag(t)}
		if n+1 < len(parts) {
			if s.item, err = strconv.Atoi(parts[n+1]); err != nil || s.item < 1 {
				return nil, wrong
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// value opens a value of an object, which the result closes.
func (o Object) value(steps []step) (Bulk, error) {
	f, err := o.Read(nil)
	if err != nil {
		return Bulk{}, unreadable(f, err)
	}
	if s, _ := uid.SyntaxOf(f.TransferSyntax); s.Deflated {
		return Bulk{}, fault.Errorf(fault.Unsupported, "bulk data of a deflated object")
	}
	d := f.Dataset
	for _, s := range steps {
		e, ok := d.Element(s.tag)
		items := d.Items(s.tag)
		switch {
		case !ok || s.item > len(items):
			return Bulk{}, fault.Errorf(fault.NotFound, "no such element: %v", s.tag)
		case s.item > 0:
			d = items[s.item-1]
			continue
		case e.Sequence():
			return Bulk{}, fault.Errorf(fault.Invalid, "%v is a sequence", s.tag)
		}
		return o.bulk(e), nil
	}
	return Bulk{}, fault.Errorf(fault.NotFound, "no such element")
}

// bulk makes a Bulk of an element.
func (o Object) bulk(e dicom.Element) Bulk {
	b := Bulk{VR: e.VR(), BigEndian: e.BigEndian(), Encapsulated: e.Encapsulated(), Length: e.Length()}
	if !b.Encapsulated {
		b.ReadCloser = opened{io.NewSectionReader(o, e.Offset(), e.Length()), o}
		return b
	}
	var all []io.Reader
	b.Length = 0
	for n, p := range e.Fragments() {
		if n > 0 { // the first is the offset table
			all = append(all, io.NewSectionReader(o, p.Offset, p.Length))
			b.Length += p.Length
		}
	}
	b.ReadCloser = opened{io.MultiReader(all...), o}
	return b
}
