package dicomweb

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// An Arrival is one object that a request brings: a file (PS3.10).
type Arrival struct {
	Study uid.UID // what the path named, zero if it named none; the object is of it
	Data  io.Reader
}

// A Stored says what became of an object that is durable now.
type Stored struct {
	Study, Series, SOP, SOPClass uid.UID
	// Aside says that another object was there under its UID: that one stays, and
	// this one cannot be retrieved.
	Aside bool
}

// A Receipt is for an object that was read to its end. Only the nil error of Wait is
// an acknowledgement.
type Receipt interface {
	Wait(ctx context.Context) (Stored, error)
}

// A Receiver takes objects.
type Receiver interface {
	// Receive reads a.Data to its end. Errors: Invalid for what is no DICOM object;
	// Exhausted for what is too long or has no room; Forbidden; Unavailable, also if
	// a.Data failed. Nothing of the object must be kept then.
	Receive(ctx context.Context, a Arrival) (Receipt, error)
}

// A Spool holds bytes that come before their place in an object: a temporary file.
type Spool interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// inFlight is how many objects of one request may wait for the disk at once: they
// share what makes them durable.
const inFlight = 64

// An outcome is what became of one part.
type outcome struct {
	Stored
	err error
}

// A batch is the objects of one request.
type batch struct {
	h     *Handler
	study uid.UID
	wait  sync.WaitGroup
	slots chan struct{}
	all   []*outcome
	cut   error // what ended the request before its end
}

// take hands one object to the receiver. It returns when the object has been read;
// whether it is stored is known after finish.
func (b *batch) take(ctx context.Context, data io.Reader) {
	o := &outcome{}
	b.all = append(b.all, o)
	head := bufio.NewReaderSize(data, 16<<10)
	if !b.study.IsZero() {
		if head, o.err = b.ofStudy(head, o); o.err != nil {
			return
		}
	}
	first, _ := head.Peek(head.Size()) // less if that is all; an error comes again
	first = bytes.Clone(first)
	r, err := b.h.Store.Receive(ctx, Arrival{Study: b.study, Data: head})
	if err != nil {
		o.err = err
		o.name(first)
		return
	}
	b.slots <- struct{}{}
	b.wait.Go(func() {
		defer func() { <-b.slots }()
		if o.Stored, o.err = r.Wait(ctx); o.err != nil {
			o.name(first)
		}
	})
}

// name reads from the beginning of an object what it is called, for the answer.
func (o *outcome) name(first []byte) {
	f := beginning(first, tag.SOPInstanceUID+1)
	if f != nil {
		o.SOP, o.SOPClass = f.UID(tag.SOPInstanceUID), f.UID(tag.SOPClassUID)
	}
}

// beginning reads what there is of an object, nil if that is nothing.
func beginning(first []byte, stop tag.Tag) *dicom.Dataset {
	f, _ := dicom.Read(bytes.NewReader(first), &dicom.Options{StopAt: stop}) // it was cut off by us
	if f == nil || f.Dataset == nil {
		return nil
	}
	return f.Dataset
}

// ofStudy looks into the beginning of an object for its study and refuses one that
// is not of the study that the path names (PS3.18 10.5.1.1).
func (b *batch) ofStudy(r *bufio.Reader, o *outcome) (*bufio.Reader, error) {
	for _, size := range []int{16 << 10, 256 << 10, 8 << 20} {
		if r.Size() < size {
			r = bufio.NewReaderSize(r, size)
		}
		first, end := r.Peek(r.Size())
		f := beginning(first, tag.StudyInstanceUID+1)
		if f != nil {
			o.SOP, o.SOPClass = f.UID(tag.SOPInstanceUID), f.UID(tag.SOPClassUID)
		}
		switch {
		case f != nil && f.Has(tag.StudyInstanceUID):
			if f.UID(tag.StudyInstanceUID) != b.study {
				return r, fault.Errorf(fault.Conflict, "the object is of another study than the path names: store it to /studies (PS3.18 10.5.1.1)")
			}
			return r, nil
		case end != nil && !errors.Is(end, io.EOF):
			return r, end
		case end != nil: // that is all there is
			return r, fault.Errorf(fault.Invalid, "the object is no DICOM file, or names no study (PS3.10 7.1)")
		}
	}
	return r, fault.Errorf(fault.Exhausted, "the object names no study within its first 8 MB: store it to /studies")
}

// finish waits until it is known what became of everything.
func (b *batch) finish() { b.wait.Wait() }

// reasons is the table from kinds of error to Failure Reason (PS3.18 Table 10.5.3-3,
// PS3.7 Annex C).
var reasons = map[fault.Kind]int64{
	fault.Internal:    0x0110, // processing failure
	fault.Invalid:     0xC000, // cannot understand
	fault.NotFound:    0x0110,
	fault.Conflict:    0x0111, // duplicate SOP instance
	fault.Forbidden:   0x0124, // not authorised
	fault.Unsupported: 0x0122, // SOP class not supported
	fault.Exhausted:   0xA700, // out of resources
	fault.Unavailable: 0xA700,
}

// mismatch is the reason for an object of another study: it does not match what was
// announced.
const mismatch = 0xA900

// failure returns the reason why an object was not stored, 0 if it was.
func (o *outcome) failure() int64 {
	switch {
	case o.err == nil && o.Aside:
		return reasons[fault.Conflict]
	case o.err == nil:
		return 0
	case fault.Of(o.err) == fault.Conflict:
		return mismatch
	}
	return reasons[fault.Of(o.err)]
}

// kind returns the kind of a failure.
func (o *outcome) kind() fault.Kind {
	if o.err == nil {
		return fault.Conflict
	}
	return fault.Of(o.err)
}

// why says why an object was not stored.
func (b *batch) why(ctx context.Context, o *outcome) string {
	switch {
	case o.err == nil:
		return "another object was there under this SOP Instance UID: that one stays, this one was put aside for somebody to look at"
	case o.kind() == fault.Internal:
		b.h.log().ErrorContext(ctx, "dicomweb: store", slog.Any("error", o.err))
		return "something went wrong inside; the log of the server says what"
	}
	return o.err.Error()
}
