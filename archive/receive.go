package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// An Arrival is one object at a door of the archive.
type Arrival struct {
	Site  string // whose it is
	Actor string // who brings it, for the journal
	Door  string // by which way: dimse, stow, import

	CallingAE, CalledAE string // of an association

	// SOPClass and SOPInstance are what the command set says; the data set must
	// say the same. They may be zero if Part10 is set.
	SOPClass, SOPInstance uid.UID
	// TransferSyntax is the negotiated one. It is not asked if Part10 is set.
	TransferSyntax uid.UID

	// Part10 says that Data are a file, to be kept as it is. Otherwise they are
	// a data set, which is kept as it is behind meta information of our own.
	Part10 bool
	Data   io.Reader
}

// An Outcome is what became of an object.
type Outcome string

// The outcomes. In each of them the archive answers for the object.
const (
	Added       Outcome = "added"       // it was not known
	Repeated    Outcome = "repeated"    // the same was there already
	Quarantined Outcome = "quarantined" // something else was there under its UID and stays; this is kept aside
)

// Stored says what became of an object that is durable now.
type Stored struct {
	Outcome            Outcome
	Instance           string // id of the instance; of the one that was there unless Added
	Study, Series, SOP uid.UID
	SOPClass           uid.UID
	Warnings           []dicom.Warning // what reading it found
	Coerced            bool            // rules for the peer changed what it says (PS3.4 Table B.2-1: B000)
}

// A Receipt is for an object whose bytes have been read to the end. It is no
// acknowledgement yet: that is Wait.
type Receipt struct {
	a        *Archive
	entry    entry
	warnings []dicom.Warning
}

// Receive reads in.Data to the end and writes it down. Meanwhile another object
// may be received; Wait makes this one durable. It never holds more of an object
// than its header. Errors: Invalid for what is no complete DICOM object, does not
// say where it belongs or is not what was announced; Exhausted for what is too
// long, or when the disk is full; Unavailable if Data failed, or the database.
// What is Invalid or too long is noted in the journal as archive.instance.refused,
// and nothing of it is kept.
func (a *Archive) Receive(ctx context.Context, in Arrival) (*Receipt, error) {
	if in.Site == "" || in.Actor == "" {
		return nil, fault.Errorf(fault.Internal, "receive: no site or no actor")
	}
	if a.Minimise != nil {
		var err error
		if in, err = a.Minimise.arrival(in); err != nil {
			return nil, a.refused(ctx, in, entry{site: in.Site, actor: in.Actor, door: in.Door, callingAE: clean(in.CallingAE)}, err)
		}
	}
	if a.Admit != nil {
		if err := a.Admit(); err != nil {
			return nil, err
		}
	}
	w, err := a.Blobs.Create(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.Abort() }() // nothing if it was finished
	e, warnings, err := a.read(ctx, w, in)
	if err != nil {
		return nil, a.refused(ctx, in, e, err)
	}
	r := &Receipt{a: a, entry: e, warnings: warnings}
	if r.entry.ref, r.entry.durable, err = w.Finish(ctx); err != nil {
		return nil, err
	}
	r.entry.at = db.Millis(a.Now())
	return r, nil
}

// Wait blocks until the object is durable: first its bytes, then its row and the
// journal entry. Only its nil error is an acknowledgement.
func (r *Receipt) Wait(ctx context.Context) (Stored, error) {
	e := &r.entry
	if r.a.near {
		e.begin(ctx)
	} else if err := e.settle(ctx); err != nil {
		return Stored{}, err
	}
	s := Stored{Study: e.study, Series: e.series, SOP: e.sop, SOPClass: e.class, Warnings: r.warnings, Coerced: e.coerced != ""}
	var err error
	if s.Outcome, s.Instance, err = r.a.enter(ctx, e); err != nil {
		return Stored{}, err
	}
	if s.Outcome == Added {
		r.a.arrivedRejected(ctx, e)
	}
	return s, nil
}

// enter brings e into the index or decides what else becomes of it.
func (a *Archive) enter(ctx context.Context, e *entry) (Outcome, string, error) {
	for range 3 {
		id, err := a.add(ctx, e)
		if !errors.Is(err, errTaken) {
			return Added, id, err
		}
		if err := e.settle(ctx); err != nil {
			return "", "", err
		}
		outcome, id, err := a.again(ctx, e)
		if !errors.Is(err, errFree) {
			return outcome, id, err
		}
	}
	return "", "", fault.Errorf(fault.Unavailable, "instance %s comes and goes", e.sop)
}

// begin has the bytes become durable while the row is written.
func (e *entry) begin(ctx context.Context) {
	durable, ended := e.durable, make(chan error, 1)
	go func() { ended <- durable(context.WithoutCancel(ctx)) }()
	once := sync.OnceValue(func() error { return <-ended })
	e.durable = func(context.Context) error { return once() }
}

// settle waits until the bytes are durable.
func (e *entry) settle(ctx context.Context) error {
	if e.durable == nil {
		return nil
	}
	err := e.durable(ctx)
	if err == nil {
		e.durable = nil
	}
	return err
}

// A refusal is an error of the object, as opposed to one of ours.
type refusal struct {
	reason string
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// refuse makes a refusal of kind Invalid.
func refuse(reason, format string, args ...any) error {
	return &refusal{reason, fault.Errorf(fault.Invalid, format, args...)}
}

// Reason returns the word for why an object was refused, as the journal has it, such as
// other_sop_class; "" if err is no refusal.
func Reason(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.reason
	}
	return ""
}

// read copies in.Data to w and reads its header on the way.
func (a *Archive) read(ctx context.Context, w io.Writer, in Arrival) (entry, []dicom.Warning, error) {
	e := entry{site: in.Site, actor: in.Actor, door: in.Door, callingAE: clean(in.CallingAE), calledAE: clean(in.CalledAE)}
	e.sop, e.class = in.SOPInstance, in.SOPClass
	src := &intake{from: in.Data, to: w, left: a.MaxObject}
	f, err := parse(src, in, &e)
	if src.failed == nil && err == nil {
		_, err = io.Copy(io.Discard, src) // what a deflated stream leaves behind its end
	}
	if src.failed != nil {
		return e, nil, src.failed
	}
	if err != nil {
		return e, nil, unreadable(f, err)
	}
	e.header = readHeader(f.Dataset)
	e.syntax = f.TransferSyntax
	if err := a.coerce(ctx, &e, f.Dataset); err != nil {
		return e, nil, err
	}
	return e, f.Warnings, e.check(in, f)
}

// parse reads the object from src. Before a data set it writes meta information.
func parse(src *intake, in Arrival, e *entry) (*dicom.File, error) {
	if in.Part10 {
		f, err := dicom.Read(src, nil)
		if f != nil {
			e.datasetAt = f.Start
		}
		return f, err
	}
	if in.SOPInstance.IsZero() || in.SOPClass.IsZero() || in.TransferSyntax.IsZero() {
		return nil, refuse("no_command_uids", "the command names no SOP class, no SOP instance or no transfer syntax")
	}
	var meta bytes.Buffer
	if err := dicom.WriteMeta(&meta, dicom.Meta{
		SOPClass: in.SOPClass, SOPInstance: in.SOPInstance, TransferSyntax: in.TransferSyntax, SourceAE: in.CallingAE,
	}); err != nil {
		return nil, err
	}
	e.datasetAt = int64(meta.Len())
	if _, err := src.to.Write(meta.Bytes()); err != nil {
		src.failed = err
		return nil, err
	}
	return dicom.ReadDataset(src, in.TransferSyntax, nil)
}

// unreadable says why an object that could not be read to its end is refused.
func unreadable(f *dicom.File, err error) error {
	var r *refusal
	switch {
	case errors.As(err, &r):
		return err
	case fault.Of(err) == fault.Exhausted: // a bound of the reader: the sender need not try again
		return &refusal{"beyond_bounds", fault.As(fault.Invalid, err)}
	case fault.Of(err) != fault.Invalid:
		return err
	case f == nil || f.Dataset == nil || f.Len() == 0:
		return &refusal{"not_dicom", err}
	}
	for _, w := range f.Warnings {
		if w.Code == dicom.WarnTruncated {
			return &refusal{"truncated", err}
		}
	}
	return &refusal{"malformed", err}
}

// check compares what the object says about itself with what was announced.
func (e *entry) check(in Arrival, f *dicom.File) error {
	if e.class.IsZero() {
		e.class = f.Meta.UID(tag.MediaStorageSOPClassUID)
	}
	if e.class.IsZero() {
		e.class = in.SOPClass
	}
	switch {
	case e.sop.IsZero():
		return refuse("no_sop_instance_uid", "no valid %v", tag.SOPInstanceUID)
	case e.class.IsZero():
		return refuse("no_sop_class_uid", "no valid %v", tag.SOPClassUID)
	case e.study.IsZero():
		return refuse("no_study_uid", "no valid %v", tag.StudyInstanceUID)
	case e.series.IsZero():
		return refuse("no_series_uid", "no valid %v", tag.SeriesInstanceUID)
	case !in.SOPInstance.IsZero() && in.SOPInstance != e.sop:
		return refuse("other_sop_instance", "the data set is another SOP instance than the command announced (PS3.4 B.2.3)")
	case !in.SOPClass.IsZero() && in.SOPClass != e.class:
		return refuse("other_sop_class", "the data set is of another SOP class than the command announced (PS3.4 B.2.3)")
	}
	return nil
}

// refused notes in the journal that an object was refused and why, without a word
// of what stood in it. It returns err, or why it could not be noted.
func (a *Archive) refused(ctx context.Context, in Arrival, e entry, err error) error {
	var r *refusal
	if !errors.As(err, &r) {
		return err
	}
	if e.sop.IsZero() {
		e.sop = in.SOPInstance
	}
	e.patient = make([]string, len(patientColumns))
	ctx = context.WithoutCancel(ctx) // it happened, even if the sender has gone
	noted := a.DB.Write(ctx, func(tx *db.Tx) error {
		return a.Journal.Append(ctx, tx, e.journalled("archive.instance.refused", map[string]any{
			"reason": r.reason, "detail": r.err.Error(), "called_ae": clean(in.CalledAE),
		}))
	})
	if noted != nil {
		return noted
	}
	return err
}

// An intake hands on what it reads to the blob store, up to a limit. It
// remembers what failed, because the reader of the header sees nothing but its end.
type intake struct {
	from   io.Reader
	to     io.Writer
	left   int64
	failed error
}

// Read implements io.Reader.
func (s *intake) Read(b []byte) (int, error) {
	if s.failed != nil {
		return 0, s.failed
	}
	n, err := s.from.Read(b)
	if s.left -= int64(n); s.left < 0 {
		s.failed = &refusal{"too_long", fault.Errorf(fault.Exhausted, "the object is longer than is allowed")}
		return 0, s.failed
	}
	if _, failed := s.to.Write(b[:n]); failed != nil {
		s.failed = failed
		return 0, failed
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = unavailable(err)
		return n, s.failed
	}
	return n, err
}

// unavailable gives an error of the sender's side a kind, unless it has one.
func unavailable(err error) error {
	if fault.Of(err) == fault.Internal {
		return fault.Errorf(fault.Unavailable, "receive: %w", err)
	}
	return err
}
