package archive

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
	"radagora/journal"
)

// What is in quarantine is decided about by a person: either the object that came last
// takes the place of the one that stays, or it goes. Both ways what goes can be brought
// back during the time of grace.

// The causes of a Deletion that a decision about the quarantine makes.
const (
	ByReplacement = "replaced" // another object took its place
	ByDiscarding  = "set_aside"
	byTaking      = "taken" // it leaves the quarantine to take the place of another one
)

// QuarantinedOne returns an object in quarantine by its id. NotFound: there is none.
func (a *Archive) QuarantinedOne(ctx context.Context, site, id string) (Quarantine, error) {
	return one(ctx, a.DB, scanQuarantine, "object in quarantine", fromQuarantine+`where site_id = $1 and id = $2`, site, id)
}

// CountQuarantined returns how many objects are in quarantine at a site.
func (a *Archive) CountQuarantined(ctx context.Context, site string) (n int64, err error) {
	return n, a.DB.QueryRow(ctx, `select count(*) from quarantine where site_id = $1`, site).Scan(&n)
}

// Discard takes an object out of quarantine with a reason, as Delete does with one that
// is shown; Undo brings it back into quarantine. NotFound: there is none. Conflict: its
// study is held. Invalid: no reason.
func (a *Archive) Discard(ctx context.Context, site, id, reason string) (Deletion, error) {
	q, reason, err := a.aside(ctx, site, id, reason)
	if err != nil {
		return Deletion{}, err
	}
	d := q.deletion(ctx, a, ByDiscarding, reason)
	d.Due, d.State = a.Now().Add(a.Grace), "waiting"
	err = a.DB.Write(ctx, func(tx *db.Tx) error {
		if err := a.unheld(ctx, tx, site, d.Study); err != nil {
			return err
		}
		return a.leaves(ctx, tx, q, d, "archive.quarantine.discarded")
	})
	if err == nil && a.Grace <= 0 {
		err = a.EmptyTrash(ctx)
	}
	return d, err
}

// Replace has an object in quarantine take the place of the instance that stayed, which
// is deleted as Delete does: Undo brings that one back, into quarantine in its turn.
// NotFound: there is none. Conflict: what would go is held. Invalid: no reason.
func (a *Archive) Replace(ctx context.Context, site, id, reason string) error {
	q, reason, err := a.aside(ctx, site, id, reason)
	if err != nil {
		return err
	}
	d := q.deletion(ctx, a, byTaking, reason)
	d.State, d.Due = "undone", a.Now() // from the trash it is entered as what was brought back is
	swap := func(tx *db.Tx) error { return a.leaves(ctx, tx, q, d, "archive.quarantine.taken") }
	first, err := a.Instance(ctx, site, q.SOP)
	switch {
	case err == nil:
		_, err = a.take(ctx, site, Target{Study: first.Study}, func(i Instance) bool { return i.SOP == q.SOP }, Deletion{
			Cause: ByReplacement, Reason: reason, Level: "instance", Series: first.Series.String(), SOP: q.SOP.String(), Due: a.Now().Add(a.Grace),
		}, nil, func(tx *db.Tx, _ Deletion) error { return swap(tx) })
	case fault.Of(err) == fault.NotFound: // it went meanwhile
		err = a.DB.Write(ctx, swap)
	}
	if err != nil {
		return err
	}
	return a.restoreTrash(ctx)
}

// aside returns what is in quarantine, and the reason, if it is one.
func (a *Archive) aside(ctx context.Context, site, id, reason string) (Quarantine, string, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > maxReason {
		return Quarantine{}, "", fault.Errorf(fault.Invalid, "a decision needs a reason of at most %d bytes", maxReason)
	}
	q, err := a.QuarantinedOne(ctx, site, id)
	return q, reason, err
}

// deletion returns what is written of an object that leaves the quarantine.
func (q *Quarantine) deletion(ctx context.Context, a *Archive, cause, reason string) Deletion {
	return Deletion{
		ID: db.NewID(), Site: q.Site, Level: "instance", Study: q.Study.String(), Series: q.Series.String(), SOP: q.SOP.String(), Cause: cause, Reason: reason,
		Actor: actorOf(ctx), At: a.Now(), Objects: 1, Bytes: q.Length,
	}
}

// leaves moves an object from the quarantine to the trash.
func (a *Archive) leaves(ctx context.Context, tx *db.Tx, q Quarantine, d Deletion, kind string) error {
	person := q.Person.Reveal()
	n, err := tx.Exec(ctx, `delete from quarantine where site_id = $1 and id = $2`, q.Site, q.ID)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Errorf(fault.NotFound, "it is not in quarantine any more")
	}
	if _, err := tx.Exec(ctx, insertTrash, d.ID, d.Site, d.Level, d.Study, d.Series, d.SOP, d.Cause, d.Reason,
		d.Actor, db.Millis(d.At), db.Millis(d.Due), d.Objects, d.Bytes, d.State); err != nil {
		return err
	}
	if err := throw(ctx, tx, d.ID, leaving{q.Instance, person}); err != nil {
		return err
	}
	e := journal.Entry{
		Site: d.Site, Actor: d.Actor, Kind: kind, Subject: d.SOP, Person: person,
		Data: encode(map[string]any{"study": d.Study, "deletion": d.ID, "size": d.Bytes, "sha256": hex.EncodeToString(q.SHA256[:])}),
	}
	if person != "" {
		e.Payload = encode(map[string]any{"reason": d.Reason})
	}
	return a.Journal.Append(ctx, tx, e)
}

// A Difference is an attribute that two objects have with different values.
type Difference struct {
	Tag         tag.Tag
	First, Last Personal // what stands there; "" where it is absent
	Opaque      bool     // what stands there is no text to show, but how many items a sequence has, or the digest of a long value
}

// The limits of what Compare says.
const (
	maxDifferences = 200
	maxCompared    = 256 // bytes of a value that is shown
)

// Compare returns in which attributes an object in quarantine differs from the instance
// that stays, in order of their tags, and whether these are all. Of a sequence it says
// only that it differs. NotFound: there is no instance of that UID any more.
func (a *Archive) Compare(ctx context.Context, q Quarantine) (all []Difference, complete bool, err error) {
	first, err := a.Instance(ctx, q.Site, q.SOP)
	if err != nil {
		return nil, false, err
	}
	var sides [2][]stated
	for n, open := range []func() (Object, error){
		func() (Object, error) { return a.OpenReceived(ctx, first) },
		func() (Object, error) { return a.OpenQuarantined(ctx, q) },
	} {
		if sides[n], err = readAll(open); err != nil {
			return nil, false, err
		}
	}
	x, y := sides[0], sides[1]
	for len(x) > 0 || len(y) > 0 {
		var d Difference
		switch {
		case len(y) == 0 || len(x) > 0 && x[0].tag < y[0].tag:
			d, x = Difference{Tag: x[0].tag, First: Conceal(x[0].text), Opaque: x[0].opaque}, x[1:]
		case len(x) == 0 || x[0].tag > y[0].tag:
			d, y = Difference{Tag: y[0].tag, Last: Conceal(y[0].text), Opaque: y[0].opaque}, y[1:]
		default:
			same := x[0].sum == y[0].sum
			d = Difference{Tag: x[0].tag, First: Conceal(x[0].text), Last: Conceal(y[0].text), Opaque: x[0].opaque || y[0].opaque}
			if x, y = x[1:], y[1:]; same {
				continue
			}
		}
		if len(all) == maxDifferences {
			return all, false, nil
		}
		all = append(all, d)
	}
	return all, true, nil
}

// A stated is what an object says in one attribute.
type stated struct {
	tag    tag.Tag
	text   string
	opaque bool
	sum    [sha256.Size]byte
}

// readAll reads the attributes of an object.
func readAll(open func() (Object, error)) ([]stated, error) {
	o, err := open()
	if err != nil {
		return nil, err
	}
	defer o.Close()
	f, err := o.Read(nil)
	if err != nil {
		return nil, err
	}
	var all []stated
	for e := range f.All() {
		s, err := reads(o, e)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b stated) int { return cmp.Compare(a.tag, b.tag) })
	return all, nil
}

// reads returns what an object says in one attribute.
func reads(o Object, e dicom.Element) (stated, error) {
	s := stated{tag: e.Tag(), opaque: e.Sequence() || e.Encapsulated() || e.Length() > maxCompared}
	sum := sha256.New()
	if err := feed(sum, o, e); err != nil {
		return s, err
	}
	s.sum = [sha256.Size]byte(sum.Sum(nil))
	switch {
	case e.Sequence():
		s.text = strconv.Itoa(len(e.Items()))
	case s.opaque:
		s.text = hex.EncodeToString(s.sum[:8])
	default:
		s.text = clip(strings.Join(e.Texts(), "\\"))
	}
	return s, nil
}

// feed gives a value, with all that is in it, to sum.
func feed(sum hash.Hash, o Object, e dicom.Element) error {
	for _, item := range e.Items() {
		for within := range item.All() {
			fmt.Fprintf(sum, "%v %v %d ", within.Tag(), within.VR(), within.Length())
			if err := feed(sum, o, within); err != nil {
				return err
			}
		}
		fmt.Fprint(sum, ";")
	}
	for _, f := range e.Fragments() {
		fmt.Fprintf(sum, "%d ", f.Length)
		if _, err := io.CopyBuffer(onlyWriter{sum}, io.NewSectionReader(o, f.Offset, f.Length), make([]byte, 64<<10)); err != nil {
			return err
		}
	}
	if e.Sequence() || e.Encapsulated() {
		return nil
	}
	r, err := e.Open()
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(onlyWriter{sum}, r, make([]byte, 64<<10))
	return err
}
