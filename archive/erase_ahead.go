package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"radagora/access"
	"radagora/blob"
	"radagora/db"
)

// What an erasure has to read and to write in packs is done ahead of its transaction,
// object by object: the transaction then only has the index name what was put. A kill in
// between leaves what was done for whoever goes on, and what nobody uses is removed.

// unusedFor is how long what was done ahead waits for its erasure.
const unusedFor = time.Hour

// PrepareErase implements privacy.Preparer: it puts again, as they are given out, the
// objects that named a person before they were corrected, and reads what the objects of
// studies of several patients say, outside of any transaction. It
// may be called again, and goes on where it ended. What changes until Erase, Erase does
// itself.
func (a *Archive) PrepareErase(ctx context.Context, p access.Person) error {
	if n, err := a.heldOf(ctx, a.DB, p); err != nil || n > 0 && access.From(ctx).ID != access.System("restore").ID {
		return err // Erase says so
	}
	note := func(id, person string) error {
		return a.DB.Write(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, recognised, id, person); return err })
	}
	if err := a.recognise(ctx, a.DB, p.Site, note); err != nil {
		return err
	}
	if err := a.sayAhead(ctx, p); err != nil {
		return err
	}
	list, err := a.coveredOf(ctx, a.DB, p)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range list {
		l, err := overlaysOf(ctx, a.DB, p.Site, c.Target.Study.String())
		if err != nil {
			return err
		}
		for _, study := range l.family {
			if seen[study] {
				continue
			}
			seen[study] = true
			if err := a.prepareErase(ctx, p, study, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// coveredOf returns the corrections of objects that named a person.
func (a *Archive) coveredOf(ctx context.Context, q db.Querier, p access.Person) ([]Correction, error) {
	return db.List(ctx, q, scanCorrection, fromCorrection+`where site_id = $1 and id in (
		select correction from correction_received where site_id = $1 and person = $2) order by id`, p.Site, p.ID)
}

// whom names a person in what is done ahead: it need not say who it is.
func whom(p access.Person) string {
	sum := sha256.Sum256([]byte(p.Site + "\x00" + p.ID))
	return hex.EncodeToString(sum[:])
}

// prepareErase does it with the instances of a study that are not done yet.
func (a *Archive) prepareErase(ctx context.Context, p access.Person, study string, l overlays) error {
	for after := ""; ; {
		list, err := db.List(ctx, a.DB, scanInstance, fromInstance+`where study.site_id = $1 and study_uid = $2 and instance.id > $3
			and not exists (select 1 from uncovered where uncovered.instance = instance.id and whom = $4 and was_sha256 = instance.sha256 and uncovered.corrected = $5)
			order by instance.id limit $6`, p.Site, study, after, whom(p), l.digest(), removeBatch)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, i := range list {
			after = i.ID
			if err := a.prepareOneErase(ctx, p, i, l); err != nil {
				return err
			}
		}
	}
}

// prepareOneErase puts one instance again, if it is one of those.
func (a *Archive) prepareOneErase(ctx context.Context, p access.Person, i Instance, l overlays) error {
	named, _, err := a.wasNamed(ctx, a.DB, p, i, l)
	if err != nil {
		return err
	}
	var now blob.Ref
	if named {
		if now, err = a.putRight(ctx, a.DB, i); err != nil {
			return err
		}
	}
	ctx = context.WithoutCancel(ctx) // what was put is noted, whoever left
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		if err := a.unused(ctx, tx, p.Site, `instance = $2 and whom = $3`, i.ID, whom(p)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into uncovered (instance, whom, site_id, corrected, was_sha256, pack, pack_offset, length, sha256, at_ms)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, i.ID, whom(p), i.Site, l.digest(), i.SHA256[:], now.Pack, now.Offset, now.Length, now.SHA256[:], db.Millis(a.Now()))
		return err
	})
}

// wasNamed reports whether an instance named a person before it was corrected to be of
// another one, and what it says now.
func (a *Archive) wasNamed(ctx context.Context, q db.Querier, p access.Person, i Instance, l overlays) (bool, header, error) {
	was, err := a.peekIn(ctx, q, i, l)
	if err != nil {
		return false, header{}, err
	}
	is := l.header(was)
	return sameAs(was.patient, p.ID) && personOf(is.patient) != personOf(was.patient), is, nil
}

// unused makes the removal of what was done ahead and is for nothing due; which says of
// which rows, its arguments begin with $2.
func (a *Archive) unused(ctx context.Context, tx *db.Tx, site, which string, args ...any) error {
	args = append([]any{site}, args...)
	type put struct {
		instance, whom string
		ref            blob.Ref
	}
	list, err := db.List(ctx, tx, func(r *db.Rows) (p put, err error) {
		var sum []byte
		err = r.Scan(&p.instance, &p.whom, &p.ref.Pack, &p.ref.Offset, &p.ref.Length, &sum)
		copy(p.ref.SHA256[:], sum)
		return p, err
	}, `select instance, whom, pack, pack_offset, length, sha256 from uncovered where site_id = $1 and `+which, args...)
	if err != nil || len(list) == 0 {
		return err
	}
	if slices.ContainsFunc(list, func(p put) bool { return p.ref.Pack != "" }) {
		id, objects, size := db.NewID(), 0, int64(0)
		for _, p := range list {
			if p.ref.Pack != "" {
				objects, size = objects+1, size+p.ref.Length
			}
		}
		if _, err := tx.Exec(ctx, `insert into erasure (id, site_id, at_ms, actor, studies, objects, size_bytes, trash) values ($1, $2, $3, 'system:archive', 0, $4, $5, 'unused')`,
			id, site, db.Millis(a.Now()), objects, size); err != nil {
			return err
		}
		for _, p := range list {
			if p.ref.Pack == "" {
				continue
			}
			if _, err := tx.Exec(ctx, `insert into erasure_object (erasure, site_id, sop_uid, sha256, pack, pack_offset, length) values ($1, $2, '', $3, $4, $5, $6)`,
				id, site, p.ref.SHA256[:], p.ref.Pack, p.ref.Offset, p.ref.Length); err != nil {
				return err
			}
		}
		tx.OnCommit(a.poke)
	}
	for _, p := range list {
		if _, err := tx.Exec(ctx, `delete from uncovered where instance = $1 and whom = $2`, p.instance, p.whom); err != nil {
			return err
		}
	}
	return nil
}

// dropUnused gives up what was done ahead of an erasure that did not come.
func (a *Archive) dropUnused(ctx context.Context) error {
	a.said.forget("", a.Now().Add(-unusedFor))
	for {
		sites, err := db.List(ctx, a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
			`select distinct site_id from uncovered where at_ms < $1`, db.Millis(a.Now().Add(-unusedFor)))
		if err != nil || len(sites) == 0 {
			return err
		}
		for _, site := range sites {
			err := a.DB.Write(ctx, func(tx *db.Tx) error {
				return a.unused(ctx, tx, site, `(instance, whom) in (select instance, whom from uncovered where site_id = $1 and at_ms < $2 order by at_ms limit $3)`,
					db.Millis(a.Now().Add(-unusedFor)), removeBatch)
			})
			if err != nil {
				return err
			}
		}
	}
}

// switched has the index name what was put ahead of the transaction, and makes the
// removal of what was received due. It returns how many objects it was, and false if not
// everything of the study was looked at ahead, or something changed since.
func (e *eraser) switched(ctx context.Context, id, study string, l overlays) (n int64, done bool, err error) {
	const ready = ` from uncovered join instance on instance.id = uncovered.instance join series on series.id = instance.series
		where series.study = $1 and uncovered.whom = $2 and uncovered.corrected = $3 and uncovered.was_sha256 = instance.sha256`
	args := []any{id, whom(e.p), l.digest()}
	var all, looked int64
	if err := e.tx.QueryRow(ctx, `select (select count(*) from instance join series on series.id = instance.series where series.study = $1), (select count(*)`+ready+`)`, args...).
		Scan(&all, &looked); err != nil {
		return 0, false, err
	}
	if all != looked {
		return 0, false, nil
	}
	if err := e.tx.QueryRow(ctx, `select count(*)`+ready+` and uncovered.pack <> ''`, args...).Scan(&n); err != nil || n == 0 {
		return n, err == nil, err
	}
	if err := e.a.unheld(ctx, e.tx, e.p.Site, study); err != nil {
		return n, false, err
	}
	if err := e.a.Unprepare(ctx, e.tx, e.p.Site, id); err != nil {
		return n, false, err
	}
	const these = `select instance.id` + ready + ` and uncovered.pack <> ''`
	for _, s := range []struct {
		text string
		args []any
	}{
		{`insert into erasure_object (erasure, site_id, sop_uid, sha256, pack, pack_offset, length)
			select $4, instance.site_id, instance.sop_uid, instance.sha256, instance.pack, instance.pack_offset, instance.length` + ready + ` and uncovered.pack <> ''`, append(slices.Clone(args), e.id)},
		{`delete from coerced where site_id = $4 and sop_uid in (select instance.sop_uid` + ready + ` and uncovered.pack <> '')`, append(slices.Clone(args), e.p.Site)},
		{`update instance set (pack, pack_offset, length, sha256) = (select pack, pack_offset, length, sha256 from uncovered
			where uncovered.instance = instance.id and uncovered.whom = $2) where id in (` + these + `)`, args},
		{`delete from uncovered where whom = $2 and instance in (select instance.id from instance join series on series.id = instance.series where series.study = $1)`, args[:2]},
	} {
		if _, err := e.tx.Exec(ctx, s.text, s.args...); err != nil {
			return n, false, err
		}
	}
	return n, true, e.sizes(ctx, id)
}
