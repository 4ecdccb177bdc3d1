package archive

import (
	"context"
	"strings"
	"time"

	"radagora/access"
	"radagora/blob"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
)

// What is kept how long, and how it goes: a deletion has a reason and a time in which
// it can be undone; then the bytes are taken out of the packs with the same proof as
// those of erased persons. What is held goes in no way at all.

// The limits of what people type.
const maxReason = 500

// A Target names what is deleted or held: a study, a series of it, or an instance of
// that.
type Target struct{ Study, Series, SOP uid.UID }

// level says what t names.
func (t Target) level() string {
	switch {
	case !t.SOP.IsZero():
		return "instance"
	case !t.Series.IsZero():
		return "series"
	}
	return "study"
}

// subject returns the UID that t names.
func (t Target) subject() string {
	switch t.level() {
	case "instance":
		return t.SOP.String()
	case "series":
		return t.Series.String()
	}
	return t.Study.String()
}

// A Deletion is something deleted that may still come back.
type Deletion struct {
	ID, Site, Level      string
	Study, Series, SOP   string
	Cause, Reason, Actor string
	At, Due              time.Time
	Objects, Bytes       int64
	State                string // waiting, undone, removed
}

// The causes of a Deletion.
const (
	ByPerson    = "person"
	ByRetention = "retention"
	ByReduction = "reduction" // only pixels went
)

// Delete takes a study, series or instance out of the index with a reason. Until the
// time of grace has passed Undo brings it back; then its bytes are removed from the
// packs. It is journalled, and dose and others forget what they derived. NotFound:
// there is no such thing. Conflict: it is held. Invalid: no reason.
func (a *Archive) Delete(ctx context.Context, site string, t Target, cause, reason string) (Deletion, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > maxReason {
		return Deletion{}, fault.Errorf(fault.Invalid, "a deletion needs a reason of at most %d bytes", maxReason)
	}
	if t.Study.IsZero() {
		return Deletion{}, fault.Errorf(fault.Invalid, "what is deleted is named by its study")
	}
	return a.take(ctx, site, t, func(i Instance) bool { return t.has(i.Series, i.SOP) }, Deletion{
		Cause: cause, Reason: reason, Level: t.level(), Series: t.Series.String(), SOP: t.SOP.String(), Due: a.Now().Add(a.Grace),
	}, nil, nil)
}

// take takes the instances of a study for which has holds out of the index, as d says.
// In the same transaction judge, unless nil, says before whether that may be, and also
// does what else is done by it.
func (a *Archive) take(ctx context.Context, site string, t Target, has func(Instance) bool, d Deletion, judge func(*db.Tx) error, also func(*db.Tx, Deletion) error) (Deletion, error) {
	for range 3 {
		gone, rest, err := a.split(ctx, site, t, has)
		if err != nil {
			return Deletion{}, err
		}
		d.ID, d.Site, d.Study, d.At, d.State, d.Objects, d.Bytes = db.NewID(), site, t.Study.String(), a.Now(), "waiting", int64(len(gone)), 0
		if d.Actor == "" {
			d.Actor = actorOf(ctx)
		}
		for _, g := range gone {
			d.Bytes += g.Length
		}
		err = a.DB.Write(ctx, func(tx *db.Tx) error {
			if judge != nil {
				if err := judge(tx); err != nil {
					return err
				}
			}
			if err := a.delete(ctx, tx, d, gone, rest); err != nil || also == nil {
				return err
			}
			return also(tx, d)
		})
		if err == nil || fault.Of(err) != fault.Unavailable || ctx.Err() != nil {
			if err == nil && a.Grace <= 0 {
				err = a.EmptyTrash(ctx)
			}
			return d, err
		}
	}
	return Deletion{}, fault.Errorf(fault.Unavailable, "study %s changes all the time", t.Study)
}

// actorOf returns who asks.
func actorOf(ctx context.Context) string {
	if id := access.From(ctx).ID; id != "" {
		return id
	}
	return "system:archive"
}

// A leaving is an instance that goes, and whom it is about.
type leaving struct {
	Instance
	person string
}

// split reads the headers of a study: of what goes, whom it is about; of what stays,
// everything, because the study says afterwards what they say. It asks for no lock, and
// delete looks whether it is still so.
func (a *Archive) split(ctx context.Context, site string, t Target, has func(Instance) bool) (gone []leaving, rest []header, err error) {
	all, err := db.List(ctx, a.DB, scanInstance, fromInstance+`where study.site_id = $1 and study_uid = $2 order by instance.id`, site, t.Study.String())
	if err != nil {
		return nil, nil, err
	}
	var stays []Instance
	for _, i := range all {
		if has(i) {
			gone = append(gone, leaving{Instance: i})
		} else {
			stays = append(stays, i)
		}
	}
	if len(gone) == 0 {
		return nil, nil, fault.Errorf(fault.NotFound, "no %s %s", t.level(), t.subject())
	}
	only, err := a.onlyPerson(ctx, site, t.Study.String())
	if err != nil {
		return nil, nil, err
	}
	for n := range gone {
		gone[n].person = only
		if h, err := a.headerIn(ctx, a.DB, gone[n].Instance); only == "" && err == nil { // what cannot be read goes all the same
			gone[n].person = personOf(h.patient)
		}
	}
	for _, i := range stays {
		h, err := a.headerIn(ctx, a.DB, i)
		if err != nil {
			return nil, nil, err
		}
		rest = append(rest, h)
	}
	return gone, rest, nil
}

// onlyPerson returns whom all instances of a study are about, "" if several or nobody.
func (a *Archive) onlyPerson(ctx context.Context, site, study string) (string, error) {
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select study_person.person from study_person join study on study.id = study_person.study
		where study.site_id = $1 and study.study_uid = $2 and not study.patient_differs`, site, study)
	if err != nil || len(list) != 1 {
		return "", err
	}
	return list[0], nil
}

// errChanged says that a study is no longer what it was a moment ago.
var errChanged = fault.Errorf(fault.Unavailable, "the study has changed")

const insertTrash = `insert into trash (id, site_id, level, study_uid, series_uid, sop_uid, cause, reason, actor, at_ms, due_ms, objects, size_bytes, state)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

func (a *Archive) delete(ctx context.Context, tx *db.Tx, d Deletion, gone []leaving, rest []header) error {
	var study string
	var count int64
	var corrected string
	if err := tx.QueryRow(ctx, `select id, instance_count, corrected from study where site_id = $1 and study_uid = $2`, d.Site, d.Study).
		Scan(&study, &count, &corrected); err != nil {
		return err
	}
	if count != int64(len(gone)+len(rest)) || corrected != gone[0].corrected {
		return errChanged
	}
	if err := a.unheld(ctx, tx, d.Site, d.Study); err != nil && d.Due.Before(never) {
		return err // what is only hidden may be, although it is held
	}
	_, err := tx.Exec(ctx, insertTrash, d.ID, d.Site, d.Level, d.Study, d.Series, d.SOP, d.Cause, d.Reason,
		d.Actor, db.Millis(d.At), db.Millis(d.Due), d.Objects, d.Bytes, d.State)
	if err != nil {
		return err
	}
	for _, g := range gone {
		if err := throw(ctx, tx, d.ID, g); err != nil {
			return err
		}
	}
	if err := a.Unprepare(ctx, tx, d.Site, study); err != nil {
		return err
	}
	e := eraser{a: a, tx: tx, p: access.Person{Site: d.Site}}
	if len(rest) == 0 {
		err = e.rows(ctx, study)
		if err == nil {
			err = e.told(ctx, d.Study, true)
		}
	} else {
		err = e.leave(ctx, study, d.Study, gone, rest)
	}
	if err != nil {
		return err
	}
	tx.OnCommit(a.known.clear)
	return a.Journal.Append(ctx, tx, a.deleted(d, "archive."+d.Level+".deleted", gone[0].person))
}

// deleted returns an entry about a deletion. What somebody typed stands in its payload.
func (a *Archive) deleted(d Deletion, kind, person string) journal.Entry {
	subject := d.Study
	if d.SOP != "" {
		subject = d.SOP
	} else if d.Series != "" {
		subject = d.Series
	}
	e := journal.Entry{
		Site: d.Site, Actor: d.Actor, Kind: kind, Subject: subject, Person: person,
		Data: encode(map[string]any{"study": d.Study, "deletion": d.ID, "cause": d.Cause, "objects": d.Objects, "size": d.Bytes, "due": db.Millis(d.Due)}),
	}
	if person != "" && d.Reason != "" {
		e.Payload = encode(map[string]any{"reason": d.Reason})
	}
	return e
}

// throw notes an instance in the trash.
func throw(ctx context.Context, tx *db.Tx, trash string, g leaving) error {
	_, err := tx.Exec(ctx, `insert into trash_object (trash, site_id, study_uid, sop_uid, person, pack, pack_offset, length, sha256, dataset_at, transfer_syntax, door, calling_ae, received_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`, trash, g.Site, g.Study.String(), g.SOP.String(), g.person,
		g.ref.Pack, g.ref.Offset, g.ref.Length, g.ref.SHA256[:], g.datasetAt, g.TransferSyntax.String(), g.Door, g.CallingAE, db.Millis(g.ReceivedAt))
	return err
}

// leave takes instances out of a study that stays.
func (e *eraser) leave(ctx context.Context, study, uid string, gone []leaving, rest []header) error {
	for _, g := range gone {
		if err := e.row(ctx, g.ID); err != nil {
			return err
		}
	}
	if err := e.remains(ctx, study, rest); err != nil {
		return err
	}
	return e.told(ctx, uid, false)
}

const fromTrash = `select id, site_id, level, study_uid, series_uid, sop_uid, cause, reason, actor, at_ms, due_ms, objects, size_bytes, state from trash `

func scanTrash(r *db.Rows) (d Deletion, err error) {
	var at, due int64
	err = r.Scan(&d.ID, &d.Site, &d.Level, &d.Study, &d.Series, &d.SOP, &d.Cause, &d.Reason, &d.Actor, &at, &due, &d.Objects, &d.Bytes, &d.State)
	d.At, d.Due = db.FromMillis(at), db.FromMillis(due)
	return d, err
}

// Deletions returns what was deleted at a site, the latest first, at most limit.
func (a *Archive) Deletions(ctx context.Context, site string, limit int) ([]Deletion, error) {
	return db.List(ctx, a.DB, scanTrash, fromTrash+`where site_id = $1 and cause <> $2 order by id desc limit $3`, site, byTaking, limit)
}

// Undo brings back what was deleted and is not yet removed. Its headers are read from
// the packs again. What was sent again meanwhile stays as it is. NotFound: there is no
// such deletion at the site. Conflict: it is too late, or was undone.
func (a *Archive) Undo(ctx context.Context, site, id string) error {
	list, err := db.List(ctx, a.DB, scanTrash, fromTrash+`where site_id = $1 and id = $2`, site, id)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fault.Errorf(fault.NotFound, "no such deletion")
	}
	d := list[0]
	if d.Cause == ByRejection {
		return fault.Errorf(fault.Conflict, "it was rejected: undo the rejection")
	}
	return a.bringBack(ctx, d)
}

// bringBack undoes a deletion.
func (a *Archive) bringBack(ctx context.Context, d Deletion) error {
	id := d.ID
	d.Actor, d.Reason = actorOf(ctx), ""
	person := ""
	err := a.DB.Write(ctx, func(tx *db.Tx) error { // from now on it is not removed any more
		n, err := tx.Exec(ctx, `update trash set state = 'undone' where id = $1 and state = 'waiting'`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.Conflict, "it was undone already, or its bytes are removed")
		}
		return a.Journal.Append(ctx, tx, a.deleted(d, "archive."+d.Level+".restored", person))
	})
	if err != nil {
		return err
	}
	return a.restoreTrash(ctx)
}

// restoreTrash enters into the index what was undone. What an end of the program left
// over is done at the next start.
func (a *Archive) restoreTrash(ctx context.Context) error {
	for {
		list, err := db.List(ctx, a.DB, scanThrown, fromThrown+`where trash in (select id from trash where state = 'undone') order by pack, pack_offset limit 100`)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, t := range list {
			if err := a.restore(ctx, t); err != nil {
				return err
			}
		}
	}
}

// A thrown is an object in the trash.
type thrown struct {
	trash, site, sop, person, door, callingAE string
	ref                                       blob.Ref
	receivedAt                                int64
}

const fromThrown = `select trash, site_id, sop_uid, person, door, calling_ae, pack, pack_offset, length, sha256, received_at from trash_object `

func scanThrown(r *db.Rows) (t thrown, err error) {
	var sum []byte
	err = r.Scan(&t.trash, &t.site, &t.sop, &t.person, &t.door, &t.callingAE, &t.ref.Pack, &t.ref.Offset, &t.ref.Length, &sum, &t.receivedAt)
	copy(t.ref.SHA256[:], sum)
	return t, err
}

// restore enters one object again.
func (a *Archive) restore(ctx context.Context, t thrown) error {
	e, err := a.entryOf(ctx, t.site, t.ref)
	if err != nil && fault.Of(err) != fault.Invalid && fault.Of(err) != fault.NotFound {
		return err
	}
	if err == nil {
		e.site, e.actor, e.door, e.callingAE, e.at = t.site, "system:archive", t.door, t.callingAE, t.receivedAt
		if _, _, err = a.enter(ctx, &e); err != nil {
			return err
		}
	} else {
		a.Log.ErrorContext(ctx, "a deleted object cannot be brought back", "sop", t.sop, "ref", t.ref.String(), "error", err)
	}
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `delete from trash_object where pack = $1 and pack_offset = $2`, t.ref.Pack, t.ref.Offset)
		return err
	})
}

// EmptyTrash hands what is due to those who take bytes out of the packs.
func (a *Archive) EmptyTrash(ctx context.Context) error {
	if err := a.restoreTrash(ctx); err != nil {
		return err
	}
	due, err := db.List(ctx, a.DB, scanTrash, fromTrash+`where state = 'waiting' and due_ms <= $1 order by due_ms, id limit 100`, db.Millis(a.Now()))
	if err != nil {
		return err
	}
	for _, d := range due {
		err := a.DB.Write(ctx, func(tx *db.Tx) error { return a.remove(ctx, tx, d) })
		if fault.Of(err) == fault.Conflict && err != nil {
			continue // held meanwhile: it stays as long as that
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// remove makes the removal of a deletion's bytes due.
func (a *Archive) remove(ctx context.Context, tx *db.Tx, d Deletion) error {
	if err := a.unheld(ctx, tx, d.Site, d.Study); err != nil {
		return err
	}
	if err := a.unheldTrash(ctx, tx, d); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `update trash set state = 'removed' where id = $1 and state = 'waiting'`, d.ID)
	if err != nil || n == 0 {
		return err
	}
	id := db.NewID()
	for _, s := range []struct {
		text string
		args []any
	}{
		{
			`insert into erasure (id, site_id, at_ms, actor, studies, objects, size_bytes, trash) values ($1, $2, $3, $4, 0, $5, $6, $7)`,
			[]any{id, d.Site, db.Millis(a.Now()), d.Actor, d.Objects, d.Bytes, d.ID},
		},
		{`insert into erasure_object (erasure, site_id, sop_uid, sha256, pack, pack_offset, length)
			select $1, site_id, sop_uid, sha256, pack, pack_offset, length from trash_object where trash = $2`, []any{id, d.ID}},
		{`delete from trash_object where trash = $1`, []any{d.ID}},
		{dropCoerced, []any{d.Site, id}},
		{dropCoercedStudy, []any{d.Site, d.Study}},
	} {
		if _, err := tx.Exec(ctx, s.text, s.args...); err != nil {
			return err
		}
	}
	tx.OnCommit(a.poke)
	return nil
}

// DeletionProof returns what became of each object of a deletion, at most ten thousand:
// nothing while it can be brought back.
func (a *Archive) DeletionProof(ctx context.Context, site, id string) ([]Erased, error) {
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select id from erasure where site_id = $1 and trash = $2`, site, id)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return a.Proof(ctx, list[0], "", 10_000)
}
