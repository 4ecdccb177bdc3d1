package archive

import (
	"context"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
)

// A Title is a document title of Key Object Selections that reject what they name
// (PS3.16 CID 7011), and what such a note does here.
type Title struct {
	Code, Scheme, Meaning string
	Hides                 bool // the instances and the note are in no list and no answer
	Kept                  bool // until somebody undoes it; otherwise they go like what is deleted
	Again                 bool // an instance of the same UID that comes later is taken as new
}

// ByRejection is the cause of a Deletion that hides what was rejected.
const ByRejection = "rejection"

// never is behind every time at which something is due.
var never = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// A Rejection says that instances of a study are not to be used.
type Rejection struct {
	ID, Site, Study string
	Person          Personal // whom the study is about
	Title           string   // code
	Note            string   // SOP Instance UID of the note
	Reason, Actor   string
	At              time.Time
	Objects         int64 // that the note names
	Hides, Again    bool

	Undone            time.Time // the zero time while it holds
	UndoneBy, Undoing string
}

// Reject writes a rejection note about a study, series or instance, keeps it like any
// other object, and follows it. Invalid: the title is none that rejects, or no reason;
// NotFound: there is no such thing.
func (a *Archive) Reject(ctx context.Context, site string, t Target, title, reason string) (Rejection, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > maxReason {
		return Rejection{}, fault.Errorf(fault.Invalid, "a rejection needs a reason of at most %d bytes", maxReason)
	}
	of, ok := a.title(title)
	if !ok {
		return Rejection{}, fault.Errorf(fault.Invalid, "%q is no title of a rejection note", title)
	}
	note, err := a.writeNote(ctx, site, t, of, reason)
	if err != nil {
		return Rejection{}, err
	}
	r, err := a.Receive(ctx, note)
	if err != nil {
		return Rejection{}, err
	}
	s, err := r.Wait(ctx)
	if err != nil {
		return Rejection{}, err
	}
	return one(ctx, a.DB, scanRejection, "rejection", fromRejection+`where site_id = $1 and note = $2`, site, s.SOP.String())
}

func (a *Archive) title(code string) (Title, bool) {
	for _, t := range a.Titles {
		if t.Code == code {
			return t, true
		}
	}
	return Title{}, false
}

const fromRejection = `select id, site_id, study_uid, person, title, note, reason, actor, at_ms, objects, hides, again, undone_ms, undone_by, undone_why from rejection `

func scanRejection(r *db.Rows) (j Rejection, err error) {
	var at, undone int64
	err = r.Scan(&j.ID, &j.Site, &j.Study, &j.Person, &j.Title, &j.Note, &j.Reason, &j.Actor, &at, &j.Objects, &j.Hides, &j.Again,
		&undone, &j.UndoneBy, &j.Undoing)
	j.At, j.Undone = db.FromMillis(at), db.FromMillis(undone)
	return j, err
}

// Rejections returns the rejections of a study, or of all studies if study is the zero
// UID, also those undone, the latest first, at most limit.
func (a *Archive) Rejections(ctx context.Context, site string, study uid.UID, limit int) ([]Rejection, error) {
	return db.List(ctx, a.DB, scanRejection, fromRejection+`where site_id = $1 and (cast($2 as text) = '' or study_uid = $2) order by id desc limit $3`,
		site, study.String(), limit)
}

// Unreject takes a rejection back: what it hid is there again. The note is not: it
// says what no longer holds, and whoever was given it would hide the instances.
// NotFound: there is none. Conflict: it was undone before, or its bytes are gone.
// Invalid: no reason.
func (a *Archive) Unreject(ctx context.Context, site, id, why string) error {
	why = strings.TrimSpace(why)
	if why == "" || len(why) > maxReason {
		return fault.Errorf(fault.Invalid, "undoing a rejection needs a reason of at most %d bytes", maxReason)
	}
	j, err := one(ctx, a.DB, scanRejection, "rejection", fromRejection+`where site_id = $1 and id = $2`, site, id)
	if err != nil {
		return err
	}
	hidden, err := db.List(ctx, a.DB, scanTrash, fromTrash+`where id in (select trash from rejection_trash where rejection = $1) order by id`, id)
	if err != nil {
		return err
	}
	for _, d := range hidden {
		if d.State == "removed" {
			return fault.Errorf(fault.Conflict, "the bytes of what was rejected are removed")
		}
	}
	err = a.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update rejection set undone_ms = $2, undone_by = $3, undone_why = $4 where id = $1 and undone_ms = 0`,
			id, db.Millis(a.Now()), actorOf(ctx), why)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.Conflict, "the rejection was undone before")
		}
		if hidden, err = aside(ctx, tx, j, hidden); err != nil {
			return err
		}
		j.Actor = actorOf(ctx)
		return a.Journal.Append(ctx, tx, j.entry("archive.rejection.undone", why))
	})
	if err != nil {
		return err
	}
	for _, d := range hidden {
		if d.State != "waiting" {
			continue
		}
		if err := a.bringBack(ctx, d); err != nil {
			return err
		}
	}
	return a.countRejections(ctx)
}

// aside keeps the note of j out of what is brought back of hidden, and returns what is.
func aside(ctx context.Context, tx *db.Tx, j Rejection, hidden []Deletion) (back []Deletion, err error) {
	for _, d := range hidden {
		var size int64
		err := tx.QueryRow(ctx, `select coalesce(max(length), 0) from trash_object where trash = $1 and sop_uid = $2`, d.ID, j.Note).Scan(&size)
		switch {
		case err != nil:
			return nil, err
		case size == 0:
			back = append(back, d)
			continue
		case d.Objects == 1: // the note alone
			continue
		}
		own := db.NewID()
		for _, s := range []struct {
			text string
			args []any
		}{
			{`insert into trash (id, site_id, level, study_uid, series_uid, sop_uid, cause, reason, actor, at_ms, due_ms, objects, size_bytes, state)
				select $1, site_id, level, study_uid, '', $3, cause, reason, actor, at_ms, due_ms, 1, $4, state from trash where id = $2`, []any{own, d.ID, j.Note, size}},
			{`update trash set objects = objects - 1, size_bytes = size_bytes - $2 where id = $1`, []any{d.ID, size}},
			{`update trash_object set trash = $2 where trash = $1 and sop_uid = $3`, []any{d.ID, own, j.Note}},
			{`insert into rejection_trash (rejection, site_id, trash) values ($1, $2, $3)`, []any{j.ID, j.Site, own}},
		} {
			if _, err := tx.Exec(ctx, s.text, s.args...); err != nil {
				return nil, err
			}
		}
		d.Objects, d.Bytes = d.Objects-1, d.Bytes-size
		back = append(back, d)
	}
	return back, nil
}

// A Note is the Key Object Selection of a rejection that holds.
type Note struct {
	Instance
	Names map[string]bool // SOP Instance UIDs of what it rejects
}

// Notes returns the notes of the rejections of a study that hold, the first first:
// also those that are hidden with what they name, which OpenInstance opens all the
// same, for they are to be passed on to whoever was given the instances (IHE RAD-66).
// A note whose bytes are gone is left out.
func (a *Archive) Notes(ctx context.Context, site string, study uid.UID) ([]Note, error) {
	list, err := db.List(ctx, a.DB, scanRejection, fromRejection+`where site_id = $1 and study_uid = $2 and undone_ms = 0 order by id`, site, study.String())
	if err != nil {
		return nil, err
	}
	var all []Note
	for _, j := range list {
		i, err := a.noteOf(ctx, j)
		if err != nil && fault.Of(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		names, err := db.List(ctx, a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
			`select sop_uid from rejection_object where rejection = $1`, j.ID)
		if err != nil {
			return nil, err
		}
		n := Note{i, make(map[string]bool, len(names))}
		for _, s := range names {
			n.Names[s] = true
		}
		all = append(all, n)
	}
	return all, nil
}

// Note returns the note of a rejection by its SOP Instance UID, also one that is hidden
// with what it names. NotFound: there is none, or its bytes are gone.
func (a *Archive) Note(ctx context.Context, site string, sop uid.UID) (Instance, error) {
	j, err := one(ctx, a.DB, scanRejection, "rejection note", fromRejection+`where site_id = $1 and note = $2`, site, sop.String())
	if err != nil {
		return Instance{}, err
	}
	return a.noteOf(ctx, j)
}

// noteOf returns the note of a rejection, wherever it is. NotFound: nowhere.
func (a *Archive) noteOf(ctx context.Context, j Rejection) (Instance, error) {
	sop, err := uid.Parse(j.Note)
	if err != nil {
		return Instance{}, fault.As(fault.NotFound, err)
	}
	i, err := a.Instance(ctx, j.Site, sop)
	if err == nil || fault.Of(err) != fault.NotFound {
		return i, err
	}
	i = Instance{Site: j.Site, SOP: sop, SOPClass: uid.KeyObjectSelectionDocumentStorage}
	if i.Study, err = uid.Parse(j.Study); err != nil {
		return i, err
	}
	return one(ctx, a.DB, func(r *db.Rows) (Instance, error) {
		var sum []byte
		var syntax string
		var received int64
		err := r.Scan(&i.ref.Pack, &i.ref.Offset, &i.Length, &sum, &i.datasetAt, &syntax, &i.Door, &i.CallingAE, &received)
		copy(i.SHA256[:], sum)
		i.ref.Length, i.ref.SHA256, i.ReceivedAt = i.Length, i.SHA256, db.FromMillis(received)
		return i, uids(err, []string{syntax}, &i.TransferSyntax)
	}, "rejection note", `select pack, pack_offset, length, sha256, dataset_at, transfer_syntax, door, calling_ae, received_at from trash_object
		where site_id = $1 and sop_uid = $2 order by trash limit 1`, j.Site, j.Note)
}

// entry returns what the journal says. What was typed stands in its payload.
func (j *Rejection) entry(kind, reason string) journal.Entry {
	e := journal.Entry{
		Site: j.Site, Actor: j.Actor, Kind: kind, Subject: j.Study, Person: j.Person.Reveal(),
		Data: encode(map[string]any{"study": j.Study, "rejection": j.ID, "title": j.Title, "note": j.Note, "objects": j.Objects, "hides": j.Hides}),
	}
	if e.Person != "" && reason != "" {
		e.Payload = encode(map[string]any{"reason": reason})
	}
	return e
}

// countRejections looks whether there is anything that may not come again.
func (a *Archive) countRejections(ctx context.Context) error {
	var n int64
	err := a.DB.QueryRow(ctx, `select count(*) from (select 1 from rejection where undone_ms = 0 and hides and not again limit 1) as r`).Scan(&n)
	a.rejects.Store(n)
	return err
}

// rejections erases those of studies of a person.
func (e *eraser) rejections(ctx context.Context) error {
	const theirs = `select id from rejection where site_id = $1 and person <> '' and person = $2`
	for _, s := range []string{
		`delete from rejection_object where rejection in (` + theirs + `)`,
		`delete from rejection_trash where rejection in (` + theirs + `)`,
		`delete from rejection where id in (` + theirs + `)`,
	} {
		if _, err := e.tx.Exec(ctx, s, e.p.Site, e.p.ID); err != nil {
			return err
		}
	}
	return nil
}

// asActor returns ctx as that of whoever brought a note.
func asActor(ctx context.Context, actor string) context.Context {
	return access.With(ctx, access.Who{ID: actor})
}
