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

// Unreject takes a rejection back: what it hid is there again, note and all. NotFound:
// there is none. Conflict: it was undone before, or its bytes are gone. Invalid: no
// reason.
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
