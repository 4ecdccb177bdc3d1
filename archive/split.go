package archive

import (
	"context"
	"crypto/rand"
	"strings"

	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
)

// Split is Correct of a series that is of another patient than the rest of its study:
// it gets a study of its own, together with what was split from the same study for the
// same patient. Its objects stay as received, and what comes later to the series goes
// where it is. Conflict: there is no other series in the study. Invalid: it is no series,
// or the patient is nobody or stays the same.
func (a *Archive) Split(ctx context.Context, site string, t Target, values []Value, reason string) (Correction, error) {
	if t.Series.IsZero() || !t.SOP.IsZero() {
		return Correction{}, fault.Errorf(fault.Invalid, "a series is split from its study")
	}
	return a.correct(ctx, site, t, values, reason, true)
}

// studyFor returns the study that a series of a study gets for a person.
func (o overlays) studyFor(t Target, person string, all []named) (uid.UID, error) {
	others := false
	for _, n := range all {
		if n.now != t.Study {
			continue
		}
		others = others || n.series != t.Series
		if n.series == t.Series && personOf(o.header(n.header).patient) == person {
			return uid.UID{}, fault.Errorf(fault.Invalid, "the series is of that patient already")
		}
	}
	switch {
	case person == "":
		return uid.UID{}, fault.Errorf(fault.Invalid, "say the patient ID of whom the series is")
	case !others:
		return uid.UID{}, fault.Errorf(fault.Conflict, "there is no other series in the study: correct the study")
	}
	for _, f := range o.fixes {
		if f.Target.Study == t.Study && !f.Split.IsZero() && f.Person.Reveal() == person {
			return f.Split, nil
		}
	}
	return uid.New(rand.Reader)
}

// splitFurther returns a Conflict if what was split was corrected or split since.
func (c *Correction) splitFurther(ctx context.Context, tx *db.Tx) error {
	if c.Split.IsZero() {
		return nil
	}
	var n int64
	err := tx.QueryRow(ctx, `select (select count(*) from correction where site_id = $1 and study_uid = $2 and undone_ms = 0)
		+ (select count(*) from rejection where site_id = $1 and study_uid = $2 and undone_ms = 0)`, c.Site, c.Split.String()).Scan(&n)
	if err == nil && n > 0 {
		return fault.Errorf(fault.Conflict, "the study that was split off was corrected or rejected since: undo that first")
	}
	return err
}

// keepSplit has what is split off a study that somebody decided to keep be kept, too.
func (a *Archive) keepSplit(ctx context.Context, tx *db.Tx, c *Correction) error {
	n, err := tx.Exec(ctx, `insert into retention_keep (site_id, study_uid, reason, actor, at_ms)
		select site_id, $3, reason, actor, at_ms from retention_keep where site_id = $1 and study_uid = $2
		on conflict (site_id, study_uid) do nothing`, c.Site, c.Target.Study.String(), c.Split.String())
	if err != nil || n == 0 {
		return err
	}
	return a.retains(ctx, tx, c.Site, "archive.retention.kept", c.Split.String(), map[string]any{"study": c.Split.String(), "split_from": c.Target.Study.String()})
}

// unkeepSplit has what comes back to a study from one that is kept be kept there, if
// nothing else was split into that.
func unkeepSplit(ctx context.Context, tx *db.Tx, c *Correction) error {
	if c.Split.IsZero() {
		return nil
	}
	_, err := tx.Exec(ctx, `insert into retention_keep (site_id, study_uid, reason, actor, at_ms)
		select site_id, $3, reason, actor, at_ms from retention_keep where site_id = $1 and study_uid = $2
		on conflict (site_id, study_uid) do nothing`, c.Site, c.Split.String(), c.Target.Study.String())
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `delete from retention_keep where site_id = $1 and study_uid = $2 and not exists (
		select 1 from correction where site_id = $1 and new_study = $2 and undone_ms = 0)`, c.Site, c.Split.String())
	return err
}

// splitEntries returns what the journal says of both studies: under the person of each.
func (c *Correction) splitEntries(kind, reason string, patient []string, before string) []journal.Entry {
	now := personOf(patient)
	data := map[string]any{
		"study": c.Split, "series": c.Target.Series, "correction": c.ID, "cause": c.Cause, "attributes": c.attributes(), "other_person": now != before, "split_from": c.Target.Study,
	}
	e := journal.Entry{Site: c.Site, Actor: c.Actor, Kind: kind, Subject: c.Split.String(), Person: now, Data: encode(data)}
	if now != "" {
		e.Payload = encode(map[string]any{"reason": reason, "person": now, "issuer": patient[patientIssuer], "patient_id": patient[patientID]})
	}
	delete(data, "split_from")
	data["study"], data["split_to"] = c.Target.Study, c.Split
	old := journal.Entry{Site: c.Site, Actor: c.Actor, Kind: kind, Subject: c.Target.subject(), Person: before, Data: encode(data)}
	if before != "" {
		old.Payload = encode(map[string]any{"reason": reason})
	}
	return []journal.Entry{e, old}
}

// rearrange puts instances into the studies that their overlays say they are of.
func (a *Archive) rearrange(ctx context.Context, tx *db.Tx, site string, o overlays, all []named) error {
	type way struct{ from, to, series uid.UID }
	goes, count := map[way][]string{}, map[way]int{}
	var ways []way
	for _, n := range all {
		h := o.header(n.header)
		count[way{from: n.now, series: n.series}]++
		if h.study == n.now {
			continue
		}
		w := way{n.now, h.study, n.series}
		if goes[w] == nil {
			ways = append(ways, w)
		}
		goes[w] = append(goes[w], n.id)
	}
	for _, w := range ways {
		from, _, err := studyRow(ctx, tx, site, w.from.String())
		if err != nil {
			return err
		}
		if err := a.Unprepare(ctx, tx, site, from); err != nil {
			return err
		}
		to, err := a.likeStudy(ctx, tx, site, from, w.to)
		if err != nil {
			return err
		}
		if err := moveSeries(ctx, tx, from, to, w.series, goes[w], len(goes[w]) == count[way{from: w.from, series: w.series}]); err != nil {
			return err
		}
		if err := a.Unprepare(ctx, tx, site, to); err != nil {
			return err
		}
	}
	return nil
}

// likeStudy returns the row of a study, made after another one if there is none.
func (a *Archive) likeStudy(ctx context.Context, tx *db.Tx, site, from string, study uid.UID) (string, error) {
	id, _, err := studyRow(ctx, tx, site, study.String())
	if err != nil || id != "" {
		return id, err
	}
	id = db.NewID()
	empty := func(n int) []string { return make([]string, n) }
	var received, updated int64
	if err := tx.QueryRow(ctx, `select received_at, updated_at from study where id = $1`, from).Scan(&received, &updated); err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, insertStudy, args(id, site, study.String(), empty(len(studyTexts)), empty(len(studyFolds)), false, "", 0, 0, 0, received, updated, "")...)
	return id, err
}

// moveSeries puts instances of a series of one study into another study, with the series
// if it is all of them and the other study has none of that UID.
func moveSeries(ctx context.Context, tx *db.Tx, from, to string, series uid.UID, instances []string, whole bool) error {
	ids := func(study string) ([]string, error) {
		return db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }, `select id from series where study = $1 and series_uid = $2`, study, series.String())
	}
	old, err := ids(from)
	if err != nil || len(old) == 0 {
		return firstOf(err, errChanged)
	}
	there, err := ids(to)
	if err != nil {
		return err
	}
	if whole && len(there) == 0 {
		_, err := tx.Exec(ctx, `update series set study = $2 where id = $1`, old[0], to)
		return err
	}
	if len(there) == 0 {
		there = []string{db.NewID()}
		columns := join(seriesTexts, []string{"series_number", "machine", "instance_count", "size_bytes", "received_at", "updated_at"})
		list := ", " + strings.Join(columns, ", ")
		if _, err := tx.Exec(ctx, `insert into series (id, site_id, study, series_uid`+list+`) select $1, site_id, $2, series_uid`+list+` from series where id = $3`, there[0], to, old[0]); err != nil {
			return err
		}
	}
	for _, id := range instances {
		if _, err := tx.Exec(ctx, `update instance set series = $2 where id = $1`, id, there[0]); err != nil {
			return err
		}
	}
	return nil
}
