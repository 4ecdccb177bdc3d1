package archive

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/blob"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
	"radagora/journal"
)

// An Erasure is what was erased of one person, without a word of who it was.
type Erasure struct {
	ID, Site, Actor         string
	At                      time.Time
	Studies, Objects, Bytes int64
	Due                     int64 // objects whose bytes are still in their packs
}

// An Erased is the proof for one object: what it was, and when its bytes were gone.
type Erased struct {
	SOP     string
	SHA256  [32]byte
	Length  int64
	Removed time.Time // the zero time while it is due
}

// Erase removes everything that the archive keeps of a person, as part of tx, and
// returns how many studies, series and objects it was. The rows are gone with tx;
// what is to be taken out of the packs is noted in the same tx, and taken out by
// Run or RemoveErased, also if the program was killed in between. What the same
// sender sends again later is a new arrival.
//
// A study whose instances name several persons loses those that name this one.
func (a *Archive) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	e := eraser{a: a, tx: tx, p: p, id: db.NewID(), actor: access.From(ctx).ID}
	if e.actor == "" {
		e.actor = "system:archive"
	}
	if e.actor != access.System("restore").ID { // that does again what was decided once
		if n, err := a.heldOf(ctx, tx, p); err != nil {
			return 0, err
		} else if n > 0 {
			return 0, fault.Errorf(fault.Conflict, "%d studies of the person are held: lift the hold first", n)
		}
	}
	studies, err := db.List(ctx, tx, func(r *db.Rows) (s struct {
		id, uid string
		differs bool
	}, err error,
	) {
		return s, r.Scan(&s.id, &s.uid, &s.differs)
	}, `select study.id, study.study_uid, study.patient_differs from study_person
		join study on study.id = study_person.study where study_person.site_id = $1 and study_person.person = $2 order by study.id`, p.Site, p.ID)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `insert into erasure (id, site_id, at_ms, actor, studies, objects, size_bytes) values ($1, $2, $3, $4, 0, 0, 0)`,
		e.id, p.Site, db.Millis(a.Now()), e.actor)
	if err != nil {
		return 0, err
	}
	if err := e.quarantine(ctx); err != nil {
		return 0, err
	}
	if err := e.trash(ctx); err != nil {
		return 0, err
	}
	for _, s := range studies {
		if s.differs {
			err = e.part(ctx, s.id, s.uid)
		} else {
			err = e.whole(ctx, s.id, s.uid)
		}
		if err != nil {
			return 0, err
		}
	}
	if err := e.covered(ctx); err != nil {
		return 0, err
	}
	if err := e.rejections(ctx); err != nil {
		return 0, err
	}
	if err := e.corrections(ctx); err != nil {
		return 0, err
	}
	return e.finish(ctx)
}

// An eraser is an erasure being made.
type eraser struct {
	a         *Archive
	tx        *db.Tx
	p         access.Person
	id, actor string

	studies, records int64
	gone             []string // Study Instance UIDs of studies of which something went
}

// quarantine erases the objects set aside that name the person, or that name nobody
// and were set aside for an instance of the person.
func (e *eraser) quarantine(ctx context.Context) error {
	note := func(id, person string) error { _, err := e.tx.Exec(ctx, recognised, id, person); return err }
	if err := e.a.recognise(ctx, e.tx, e.p.Site, note); err != nil {
		return err
	}
	const theirs = ` from quarantine where site_id = $2 and (person = $3 or person = '' and instance in (
		select instance.id from study_person join series on series.study = study_person.study
		join instance on instance.series = series.id
		where study_person.site_id = $2 and study_person.person = $3))`
	_, err := e.tx.Exec(ctx, `insert into erasure_object (erasure, site_id, sop_uid, sha256, pack, pack_offset, length)
		select $1, site_id, sop_uid, sha256, pack, pack_offset, length`+theirs, e.id, e.p.Site, e.p.ID)
	if err != nil {
		return err
	}
	n, err := e.tx.Exec(ctx, `delete from quarantine where site_id = $2 and (pack, pack_offset) in (
		select pack, pack_offset from erasure_object where erasure = $1)`, e.id, e.p.Site)
	e.records += n
	return err
}

// trash erases what of the person was deleted and could still come back, and the
// holds that were lifted.
func (e *eraser) trash(ctx context.Context) error {
	_, err := e.tx.Exec(ctx, `insert into erasure_object (erasure, site_id, sop_uid, sha256, pack, pack_offset, length)
		select $1, site_id, sop_uid, sha256, pack, pack_offset, length from trash_object where site_id = $2 and person = $3`, e.id, e.p.Site, e.p.ID)
	if err != nil {
		return err
	}
	thrown, err := db.List(ctx, e.tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select distinct study_uid from trash_object where site_id = $1 and person = $2`, e.p.Site, e.p.ID)
	if err != nil {
		return err
	}
	e.gone = append(e.gone, thrown...)
	for _, s := range []string{
		`delete from trash_object where site_id = $1 and person = $2`,
		`delete from hold where site_id = $1 and person = $2`,
	} {
		n, err := e.tx.Exec(ctx, s, e.p.Site, e.p.ID)
		if err != nil {
			return err
		}
		e.records += n
	}
	return nil
}

// peek reads what stands in front of an object, patient and study, and what a version
// made of it; nil for none.
func (a *Archive) peek(ctx context.Context, r blob.Ref, c *Coercion) (header, error) {
	o, err := a.Blobs.Open(ctx, r)
	if err != nil {
		return header{}, err
	}
	defer o.Close()
	f, err := dicom.Open(o, o.Size(), &dicom.Options{StopAt: tag.StudyID + 1})
	if err != nil {
		return header{}, unreadable(f, err)
	}
	h := readHeader(f.Dataset)
	if c != nil {
		if x, ok := c.on(f.Dataset); ok {
			h = x.header(h)
		}
	}
	return h, nil
}

// whole erases a study.
func (e *eraser) whole(ctx context.Context, study, uid string) error {
	e.gone = append(e.gone, uid)
	if err := e.a.Unprepare(ctx, e.tx, e.p.Site, study); err != nil {
		return err
	}
	_, err := e.tx.Exec(ctx, `insert into erasure_object (erasure, site_id, sop_uid, sha256, pack, pack_offset, length)
		select $1, site_id, sop_uid, sha256, pack, pack_offset, length from instance
		where series in (select id from series where study = $2)`, e.id, study)
	if err != nil {
		return err
	}
	for _, s := range []string{`delete from retention_due where site_id = $1 and study_uid = $2`, `delete from retention_keep where site_id = $1 and study_uid = $2`} {
		if _, err := e.tx.Exec(ctx, s, e.p.Site, uid); err != nil {
			return err
		}
	}
	if err := e.rows(ctx, study); err != nil {
		return err
	}
	if err := e.noted(ctx, uid, 0); err != nil {
		return err
	}
	return e.told(ctx, uid, true)
}

// noted has the journal say that of a study instances were erased, and how many are left:
// whoever keeps something of the study elsewhere follows that. It says nothing of whom.
func (e *eraser) noted(ctx context.Context, uid string, left int) error {
	return e.a.Journal.Append(ctx, e.tx, journal.Entry{
		Site: e.p.Site, Actor: e.actor, Kind: "archive.study.erased", Subject: uid,
		Data: encode(map[string]any{"study": uid, "erasure": e.id, "left": left}),
	})
}

// rows deletes the rows of a study.
func (e *eraser) rows(ctx context.Context, study string) error {
	for _, s := range []struct {
		text   string
		record bool
	}{
		{`delete from reduced where instance in (select instance.id from instance join series on series.id = instance.series where series.study = $1)`, false},
		{`delete from prepare_due where kind = 'series' and id in (select id from series where study = $1)`, false},
		{`delete from prepare_due where kind in ('study', 'varies') and id = $1`, false},
		{`delete from instance_event where instance in (select instance.id from instance join series on series.id = instance.series where series.study = $1)`, false},
		{`delete from instance where series in (select id from series where study = $1)`, true},
		{`delete from series where study = $1`, true},
		{`delete from study_person where study = $1`, false},
		{`delete from study where id = $1`, true},
	} {
		n, err := e.tx.Exec(ctx, s.text, study)
		if err != nil {
			return err
		}
		if s.record {
			e.records += n
		}
	}
	e.studies++
	return nil
}

// told tells whoever derives something from a study that it changed or is gone.
func (e *eraser) told(ctx context.Context, uid string, whole bool) error {
	if e.a.Erased == nil {
		return nil
	}
	return e.a.Erased(ctx, e.tx, e.p.Site, uid, whole)
}

// part erases the instances of a study that name the person, and lets the study
// say of its patient what the others say.
func (e *eraser) part(ctx context.Context, study, uid string) error {
	all, err := db.List(ctx, e.tx, scanInstance, fromInstance+`where study.id = $1 order by instance.id`, study)
	if err != nil {
		return err
	}
	var gone []Instance
	var rest []header
	for _, i := range all {
		h, err := e.says(ctx, i)
		switch {
		case err != nil:
			return err // whose it is must be known before anything is erased
		case sameAs(h.patient, e.p.ID):
			gone = append(gone, i)
		default:
			rest = append(rest, h)
		}
	}
	if len(rest) == 0 {
		return e.whole(ctx, study, uid)
	}
	if err := e.a.Unprepare(ctx, e.tx, e.p.Site, study); err != nil {
		return err
	}
	for _, i := range gone {
		if err := e.one(ctx, i); err != nil {
			return err
		}
	}
	e.studies++
	if err := e.remains(ctx, study, rest); err != nil {
		return err
	}
	if err := e.noted(ctx, uid, len(rest)); err != nil {
		return err
	}
	return e.told(ctx, uid, false)
}

// sameAs reports whether a patient is the person. Within a study, one without an
// issuer is the one with it.
func sameAs(patient []string, person string) bool {
	issuer, id := patient[patientIssuer], patient[patientID]
	return id != "" && (Person(issuer, id) == person || Person("", id) == person || issuer == "" && strings.HasSuffix(person, "|"+id))
}

// one erases an instance.
func (e *eraser) one(ctx context.Context, i Instance) error {
	_, err := e.tx.Exec(ctx, `insert into erasure_object (erasure, site_id, sop_uid, sha256, pack, pack_offset, length) values ($1, $2, $3, $4, $5, $6, $7)`,
		e.id, e.p.Site, i.SOP.String(), i.SHA256[:], i.ref.Pack, i.ref.Offset, i.ref.Length)
	if err != nil {
		return err
	}
	return e.row(ctx, i.ID)
}

// row deletes the rows of an instance.
func (e *eraser) row(ctx context.Context, id string) error {
	for _, s := range []string{`delete from reduced where instance = $1`, `delete from instance_event where instance = $1`} {
		if _, err := e.tx.Exec(ctx, s, id); err != nil {
			return err
		}
	}
	n, err := e.tx.Exec(ctx, `delete from instance where id = $1`, id)
	e.records += n
	return err
}

// remains makes a study anew of the headers that are left.
func (e *eraser) remains(ctx context.Context, study string, rest []header) error {
	patient, ofStudy, differs, varied := rest[0].patient, rest[0].ofStudy, false, false
	for _, h := range rest[1:] {
		differs = differs || disagree(patient, h.patient)
		varied = varied || varies(patient, ofStudy, h.patient, h.ofStudy)
		patient, ofStudy = mergePatient(patient, h.patient), merge(ofStudy, h.ofStudy)
	}
	n, err := e.tx.Exec(ctx, `delete from series where study = $1 and not exists (select 1 from instance where instance.series = series.id)`, study)
	if err != nil {
		return err
	}
	e.records += n
	if err := e.sizes(ctx, study); err != nil {
		return err
	}
	if _, err := e.tx.Exec(ctx, `delete from study_person where study = $1`, study); err != nil {
		return err
	}
	for _, h := range rest {
		if who := personOf(h.patient); who != "" {
			if _, err := e.tx.Exec(ctx, insertPerson, e.p.Site, who, study); err != nil {
				return err
			}
		}
	}
	if _, err := e.tx.Exec(ctx, updateStudy, args(study, patient, ofStudy, folds(patient, ofStudy), differs, varied)...); err != nil {
		return err
	}
	return (&place{study: study}).summarise(ctx, e.tx)
}

// sizes counts the instances of a study anew.
func (e *eraser) sizes(ctx context.Context, study string) error {
	for _, s := range []string{
		`update series set instance_count = (select count(*) from instance where instance.series = series.id),
			size_bytes = (select coalesce(sum(length), 0) from instance where instance.series = series.id) where study = $1`,
		`update study set instance_count = (select coalesce(sum(instance_count), 0) from series where series.study = study.id),
			size_bytes = (select coalesce(sum(size_bytes), 0) from series where series.study = study.id) where id = $1`,
	} {
		if _, err := e.tx.Exec(ctx, s, study); err != nil {
			return err
		}
	}
	return nil
}

// finish notes how much it was, or that it was nothing.
func (e *eraser) finish(ctx context.Context) (int, error) {
	// What was done ahead and not used, and what was of instances that are gone.
	if err := e.a.unused(ctx, e.tx, e.p.Site, `(whom = $2 or not exists (select 1 from instance where instance.id = uncovered.instance))`, whom(e.p)); err != nil {
		return 0, err
	}
	if e.records == 0 {
		_, err := e.tx.Exec(ctx, `delete from erasure where id = $1`, e.id)
		return 0, err
	}
	var objects, size int64
	err := e.tx.QueryRow(ctx, `select count(*), coalesce(sum(length), 0) from erasure_object where erasure = $1`, e.id).Scan(&objects, &size)
	if err != nil {
		return 0, err
	}
	_, err = e.tx.Exec(ctx, `update erasure set studies = $2, objects = $3, size_bytes = $4 where id = $1`, e.id, e.studies, objects, size)
	if err != nil {
		return 0, err
	}
	e.tx.OnCommit(func() {
		e.a.known.clear()
		e.a.said.forget(whom(e.p), time.Time{})
		e.a.poke()
	})
	return int(e.records), e.a.Journal.Append(ctx, e.tx, journal.Entry{
		Site: e.p.Site, Actor: e.actor, Kind: "archive.person.erased", Subject: e.id,
		Data: encode(map[string]any{"studies": e.studies, "objects": objects, "size": size}),
	})
}

// Erasures returns the erasures of a site, the latest first.
func (a *Archive) Erasures(ctx context.Context, site string) ([]Erasure, error) {
	return db.List(ctx, a.DB, func(r *db.Rows) (e Erasure, err error) {
		var at int64
		err = r.Scan(&e.ID, &e.Site, &at, &e.Actor, &e.Studies, &e.Objects, &e.Bytes, &e.Due)
		e.At = db.FromMillis(at)
		return e, err
	}, `select id, site_id, at_ms, actor, studies, objects, size_bytes,
		(select count(*) from erasure_object where erasure_object.erasure = erasure.id and removed_ms = 0)
		from erasure where site_id = $1 and trash = '' order by id desc`, site)
}

// Proof returns what was erased, by SOP Instance UID: at most limit objects behind
// the UID after, or from the first if that is "".
func (a *Archive) Proof(ctx context.Context, erasure, after string, limit int) ([]Erased, error) {
	return db.List(ctx, a.DB, func(r *db.Rows) (e Erased, err error) {
		var sum []byte
		var removed int64
		err = r.Scan(&e.SOP, &sum, &e.Length, &removed)
		copy(e.SHA256[:], sum)
		e.Removed = db.FromMillis(removed)
		return e, err
	}, `select sop_uid, sha256, length, removed_ms from erasure_object where erasure = $1 and sop_uid > $2 order by sop_uid limit $3`, erasure, after, limit)
}

// The work of taking objects out of packs.
const (
	removeBatch = 200
	removePause = time.Minute // until it is looked again, for what could not be removed and what other processes erased
)

// woken returns the channel that says there is something to remove.
func (a *Archive) woken() chan struct{} {
	a.once.Do(func() { a.wake = make(chan struct{}, 1) })
	return a.wake
}

// poke wakes whoever removes.
func (a *Archive) poke() {
	select {
	case a.woken() <- struct{}{}:
	default:
	}
}

// Run takes the bytes of erased objects out of the packs until ctx ends, first of
// all those that an end of the program left over, and meanwhile prepares what is
// derived from new instances.
func (a *Archive) Run(ctx context.Context) error {
	preparing := make(chan struct{})
	go func() {
		defer close(preparing)
		a.prepareLoop(ctx)
	}()
	defer func() { <-preparing }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-a.woken():
		}
		if err := a.EmptyTrash(ctx); err != nil && ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "what was deleted is not yet removed", "error", err)
		}
		if err := a.dropUnused(ctx); err != nil && ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "what was done ahead of an erasure is not yet removed", "error", err)
		}
		if err := a.readNotes(ctx); err != nil && ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "a rejection note is not yet followed", "error", err)
		}
		if _, err := a.RemoveErased(ctx); err != nil && ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "erased objects are still in their packs", "error", err)
		}
		timer.Reset(removePause)
	}
}

// takeOut removes objects from the packs, and then from their copies in the second
// place. It returns those that are in neither.
func (a *Archive) takeOut(ctx context.Context, list []due) (gone []due, failed error) {
	refs := make([]blob.Ref, len(list))
	for i, d := range list {
		refs[i] = d.ref
	}
	out, failed := blob.RemoveAll(ctx, a.Blobs, refs)
	if a.Second != nil && len(out) > 0 {
		var err error
		out, err = blob.RemoveAll(ctx, a.Second, out)
		failed = errors.Join(failed, err)
	}
	is := map[blob.Ref]bool{}
	for _, r := range out {
		is[r] = true
	}
	for _, d := range list {
		if is[d.ref] {
			gone = append(gone, d)
		}
	}
	return gone, failed
}

// RemoveErased takes out of the packs what was erased and is still there, and
// returns how many objects it was. One that cannot be removed stays noted, and the
// error tells of it. It may be called again, and by several processes at once.
func (a *Archive) RemoveErased(ctx context.Context) (int, error) {
	var failed error
	done, after := 0, due{}
	for {
		list, err := a.due(ctx, after)
		if err != nil {
			return done, err
		}
		if len(list) == 0 {
			break
		}
		after = list[len(list)-1]
		gone, err := a.takeOut(ctx, list)
		if err != nil {
			failed = err
		}
		if err := a.removed(ctx, gone); err != nil {
			return done, err
		}
		done += len(gone)
	}
	if done > 0 && failed == nil {
		failed = a.DB.Forget(ctx, "study", "series", "instance", "instance_event", "study_person", "quarantine", "correction", "correction_received",
			"series_prepared", "instance_frames", "search_study", "search_word", "search_gram")
	}
	return done, failed
}

// A due is an object to be removed.
type due struct {
	erasure, site string
	ref           blob.Ref
}

// due returns the next objects to be removed.
func (a *Archive) due(ctx context.Context, after due) ([]due, error) {
	return db.List(ctx, a.DB, func(r *db.Rows) (d due, err error) {
		var sum []byte
		err = r.Scan(&d.erasure, &d.site, &d.ref.Pack, &d.ref.Offset, &d.ref.Length, &sum)
		copy(d.ref.SHA256[:], sum)
		return d, err
	}, `select erasure, site_id, pack, pack_offset, length, sha256 from erasure_object where removed_ms = 0
		and (erasure > $1 or erasure = $1 and (pack > $2 or pack = $2 and pack_offset > $3))
		order by erasure, pack, pack_offset limit $4`, after.erasure, after.ref.Pack, after.ref.Offset, removeBatch)
}

// removed notes that objects are gone, and in the journal when all of an erasure are.
func (a *Archive) removed(ctx context.Context, gone []due) error {
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		touched := map[string]string{}
		for _, d := range gone {
			n, err := tx.Exec(ctx, `update erasure_object set removed_ms = $4 where erasure = $1 and pack = $2 and pack_offset = $3 and removed_ms = 0`,
				d.erasure, d.ref.Pack, d.ref.Offset, db.Millis(a.Now()))
			if err != nil {
				return err
			}
			if n > 0 {
				touched[d.erasure] = d.site
			}
		}
		for id, site := range touched {
			if err := a.complete(ctx, tx, id, site); err != nil {
				return err
			}
		}
		return nil
	})
}

// complete notes in the journal that an erasure is done, if it is.
func (a *Archive) complete(ctx context.Context, tx *db.Tx, id, site string) error {
	var left, all int64
	err := tx.QueryRow(ctx, `select coalesce(sum(case when removed_ms = 0 then 1 else 0 end), 0), count(*) from erasure_object where erasure = $1`, id).Scan(&left, &all)
	if err != nil || left > 0 {
		return err
	}
	trash := ""
	if err := tx.QueryRow(ctx, `select trash from erasure where id = $1`, id).Scan(&trash); err != nil {
		return err
	}
	return a.Journal.Append(ctx, tx, journal.Entry{
		Site: site, Actor: "system:archive", Kind: "archive.bytes.removed", Subject: id, Data: encode(map[string]any{"objects": all, "deletion": trash}),
	})
}

// isErased reports whether an object was erased and is, or was, to be removed.
func (a *Archive) isErased(ctx context.Context, r blob.Ref) (bool, error) {
	var n int64
	err := a.DB.QueryRow(ctx, `select (select count(*) from erasure_object where pack = $1 and pack_offset = $2)
		+ (select count(*) from trash_object where pack = $1 and pack_offset = $2)
		+ (select count(*) from erasure_object where removed_ms = 0 and sha256 = $3)`, r.Pack, r.Offset, slices.Clone(r.SHA256[:])).Scan(&n)
	return n > 0, err
}
