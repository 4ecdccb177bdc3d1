package worklist

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
	"radagora/journal"
)

// wrongEntry is the reason of a discontinued step that took the wrong entry of the
// worklist (PS3.16 CID 9300): the entry waits again.
var wrongEntry = [2]string{"110514", "DCM"}

// link finds the scheduled steps that a new performed step is about and brings them
// along.
func (r *Register) link(ctx context.Context, tx *db.Tx, siteID string, p *PerformedStep, ds *dicom.Dataset, kind string) error {
	accession, found, err := r.about(ctx, tx, siteID, p, ds)
	if err != nil {
		return err
	}
	for _, e := range found {
		if err := r.tie(ctx, tx, siteID, p, e, "step"); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		p.Problems = append(p.Problems, ProblemUnplanned)
	}
	if err := r.oddities(ctx, tx, siteID, p, accession); err != nil {
		return err
	}
	return r.noted(ctx, tx, siteID, kind, p)
}

// about returns the entries that a performed step names: by the id of the scheduled
// step within its study, procedure or accession number; or, where it names no step,
// by the study, if just one of its steps waits for this modality.
func (r *Register) about(ctx context.Context, tx *db.Tx, siteID string, p *PerformedStep, ds *dicom.Dataset) (accession string, found []Entry, err error) {
	for _, item := range ds.Items(tag.ScheduledStepAttributesSequence) {
		text := func(t tag.Tag) string { return strings.TrimSpace(item.Text(t)) }
		if accession == "" {
			accession = text(tag.AccessionNumber)
		}
		list, err := db.List(ctx, tx, scanEntry, selectEntry+`where s.order_id in (select order_id from worklist_order where site_id = $1 and study_uid = $2
			union all select order_id from worklist_order where site_id = $1 and accession <> '' and accession = $3
			union all select order_id from worklist_order where site_id = $1 and procedure_id <> '' and procedure_id = $4) order by s.start_at, s.step_key`,
			siteID, text(tag.StudyInstanceUID), text(tag.AccessionNumber), text(tag.RequestedProcedureID))
		if err != nil {
			return "", nil, err
		}
		if id := text(tag.ScheduledProcedureStepID); id != "" {
			list = slices.DeleteFunc(list, func(e Entry) bool { return e.Step.ID != id })
		} else {
			list = slices.DeleteFunc(list, func(e Entry) bool { return e.Step.Modality != p.Modality || !e.Step.State.open() })
		}
		if len(list) != 1 { // none, or nobody can say which
			continue
		}
		if !slices.ContainsFunc(found, func(e Entry) bool { return e.Step.Key == list[0].Step.Key }) {
			found = append(found, list[0])
		}
	}
	return accession, found, nil
}

// tie notes that a performed step is about a scheduled one, and brings that along.
func (r *Register) tie(ctx context.Context, tx *db.Tx, siteID string, p *PerformedStep, e Entry, how string) error {
	_, err := tx.Exec(ctx, `insert into worklist_performed_step (site_id, sop_uid, step_key, how) values ($1, $2, $3, $4) on conflict do nothing`,
		siteID, p.SOPInstance, e.Step.Key, how)
	if err != nil {
		return err
	}
	if p.Person != "" && p.Person != e.Order.Person && !slices.Contains(p.Problems, ProblemPatient) {
		same, err := r.samePerson(ctx, tx, siteID, p.Person, e.Order.Person)
		if err != nil {
			return err
		}
		if !same {
			p.Problems = append(p.Problems, ProblemPatient)
		}
	}
	p.Steps = append(p.Steps, e.Step.Key)
	return r.follow(ctx, tx, siteID, e.Order.ID, e.Step.Key)
}

// samePerson reports whether two names are one person's. A patient ID without issuer
// is that of any issuer.
func (r *Register) samePerson(ctx context.Context, tx *db.Tx, siteID, a, b string) (bool, error) {
	issuerA, idA, _ := strings.Cut(a, "|")
	issuerB, idB, _ := strings.Cut(b, "|")
	if idA == idB && (issuerA == "" || issuerB == "" || issuerA == issuerB) {
		return true, nil
	}
	if r.Keys == nil {
		return false, nil
	}
	keys, err := r.Keys(ctx, tx, siteID, a)
	return slices.Contains(keys, b), err
}

// oddities writes what linking found.
func (r *Register) oddities(ctx context.Context, tx *db.Tx, siteID string, p *PerformedStep, accession string) error {
	odd := `["` + strings.Join(p.Problems, `","`) + `"]`
	if len(p.Problems) == 0 {
		odd = `[]`
	}
	_, err := tx.Exec(ctx, `update worklist_performed set problems = $3, accession = $4 where site_id = $1 and sop_uid = $2`,
		siteID, p.SOPInstance, odd, accession)
	return err
}

// follow brings a scheduled step to where the performed steps about it are: in
// progress while one is, completed if one is, else discontinued. One that was
// begun under the wrong entry alone leaves the step waiting.
func (r *Register) follow(ctx context.Context, tx *db.Tx, siteID, order, key string) error {
	list, err := db.List(ctx, tx, scanPerformed, selectPerformed+`join worklist_performed_step l on l.site_id = p.site_id and l.sop_uid = p.sop_uid
		where p.site_id = $1 and l.step_key = $2`, siteID, key)
	if err != nil {
		return err
	}
	to := Scheduled
	for _, p := range list {
		switch {
		case p.State == InProgress:
			to = InProgress
		case p.State == Completed && to != InProgress:
			to = Completed
		case p.State == Discontinued && to == Scheduled:
			wrong, err := p.wrongEntry()
			if err != nil {
				return err
			}
			if !wrong {
				to = Discontinued
			}
		}
	}
	o, err := r.get(ctx, tx, siteID, order)
	if err != nil {
		return err
	}
	if s := o.step(key); s == nil || s.State == to {
		return nil
	}
	return r.move(ctx, tx, &o, key, to, "performed")
}

// wrongEntry reports whether the step was discontinued because it was another's.
func (p performedRow) wrongEntry() (bool, error) {
	ds, err := parse(p.document)
	if err != nil {
		return false, err
	}
	for _, c := range ds.Items(tag.PerformedProcedureStepDiscontinuationReasonCodeSequence) {
		if c.Text(tag.CodeValue) == wrongEntry[0] && c.Text(tag.CodingSchemeDesignator) == wrongEntry[1] {
			return true, nil
		}
	}
	return false, nil
}

// carry brings along, after an N-SET, the steps that a performed step is about, and
// the study.
func (r *Register) carry(ctx context.Context, tx *db.Tx, siteID string, p *PerformedStep, ds *dicom.Dataset) error {
	type tied struct{ key, order string }
	list, err := db.List(ctx, tx, func(rows *db.Rows) (t tied, err error) { return t, rows.Scan(&t.key, &t.order) },
		`select s.step_key, s.order_id from worklist_performed_step l join worklist_step s on s.step_key = l.step_key
		where l.site_id = $1 and l.sop_uid = $2 order by s.step_key`, siteID, p.SOPInstance)
	if err != nil {
		return err
	}
	for _, t := range list {
		p.Steps = append(p.Steps, t.key)
		if err := r.follow(ctx, tx, siteID, t.order, t.key); err != nil {
			return err
		}
	}
	if p.State != InProgress {
		for _, item := range ds.Items(tag.ScheduledStepAttributesSequence) {
			if err := r.sooner(ctx, tx, siteID, item.Text(tag.StudyInstanceUID), p.CallingAE); err != nil {
				return err
			}
		}
	}
	return r.noted(ctx, tx, siteID, "worklist.performed.changed", p)
}

// adopt links performed steps that were there before their order.
func (r *Register) adopt(ctx context.Context, tx *db.Tx, o *Order) error {
	list, err := db.List(ctx, tx, scanPerformed, selectPerformed+`where p.site_id = $1 and p.sop_uid in (select sop_uid from worklist_performed where site_id = $1 and study_uid <> '' and study_uid = $2
		union all select sop_uid from worklist_performed where site_id = $1 and accession <> '' and accession = $3)
		and not exists (select 1 from worklist_performed_step l where l.site_id = p.site_id and l.sop_uid = p.sop_uid)`,
		o.Site, o.Study, o.Accession)
	if err != nil {
		return err
	}
	for _, p := range list {
		ds, err := parse(p.document)
		if err != nil {
			return err
		}
		_, found, err := r.about(ctx, tx, o.Site, &p.PerformedStep, ds)
		if err != nil || len(found) == 0 {
			return err
		}
		if err := r.planned(ctx, tx, o.Site, &p.PerformedStep, found, "step"); err != nil {
			return err
		}
	}
	return r.refresh(ctx, tx, o)
}

// refresh reads the states of the steps that linking may have changed.
func (r *Register) refresh(ctx context.Context, tx *db.Tx, o *Order) error {
	now, err := r.get(ctx, tx, o.Site, o.ID)
	if err == nil {
		o.Steps = now.Steps
	}
	return err
}

// planned ties an unscheduled performed step to scheduled ones.
func (r *Register) planned(ctx context.Context, tx *db.Tx, siteID string, p *PerformedStep, found []Entry, how string) error {
	p.Problems = slices.DeleteFunc(p.Problems, func(s string) bool { return s == ProblemUnplanned })
	for _, e := range found {
		if err := r.tie(ctx, tx, siteID, p, e, how); err != nil {
			return err
		}
	}
	var accession string
	err := tx.QueryRow(ctx, `select accession from worklist_performed where site_id = $1 and sop_uid = $2`, siteID, p.SOPInstance).Scan(&accession)
	if err != nil {
		return err
	}
	if err := r.oddities(ctx, tx, siteID, p, accession); err != nil {
		return err
	}
	return r.record(ctx, tx, journal.Entry{Site: siteID, Kind: "worklist.performed.linked", Subject: p.SOPInstance, Person: p.Person},
		map[string]any{"steps": p.Steps, "how": how, "study": p.Study}, nil)
}

// Assign says that a performed step which no scheduled one fits is about one all the
// same. NotFound: there is no such step; Conflict: it is about one already.
func (r *Register) Assign(ctx context.Context, siteID, sop, order, key string) error {
	if err := access.Check(ctx, access.StepChange, access.Subject{Site: siteID}); err != nil {
		return err
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		p, _, err := r.performed(ctx, tx, siteID, sop)
		if err != nil {
			return err
		}
		var links int
		err = tx.QueryRow(ctx, `select count(*) from worklist_performed_step where site_id = $1 and sop_uid = $2`, siteID, sop).Scan(&links)
		if err != nil {
			return err
		}
		if links > 0 {
			return fault.Errorf(fault.Conflict, "performed step %s is about a scheduled step already", sop)
		}
		o, err := r.get(ctx, tx, siteID, order)
		if err != nil {
			return err
		}
		s := o.step(key)
		if s == nil {
			return fault.Errorf(fault.NotFound, "order %s has no such step", order)
		}
		return r.planned(ctx, tx, siteID, &p, []Entry{{Order: o, Step: *s}}, "person")
	})
}

// A PerformedFilter says which performed steps are asked for. Empty fields ask
// nothing.
type PerformedFilter struct {
	Unscheduled bool     // no scheduled step fits
	Steps       []string // keys of the scheduled steps they are about
	Study       string
	Limit       int // 0 means 200
}

// Performed returns performed steps of a site, the latest first.
func (r *Register) Performed(ctx context.Context, siteID string, f PerformedFilter) ([]PerformedStep, error) {
	if err := access.Check(ctx, access.StepFind, access.Subject{Site: siteID}); err != nil {
		return nil, err
	}
	w := &where{}
	w.and(`p.site_id = ?`, siteID)
	if f.Unscheduled {
		w.and(`not exists (select 1 from worklist_performed_step l where l.site_id = p.site_id and l.sop_uid = p.sop_uid)`)
	}
	if f.Steps != nil {
		w.and(`exists (select 1 from worklist_performed_step l where l.site_id = p.site_id and l.sop_uid = p.sop_uid and l.step_key in (`+
			strings.TrimSuffix(strings.Repeat("?, ", len(f.Steps)+1), ", ")+`))`, anys(append(slices.Clone(f.Steps), "-"))...)
	}
	if f.Study != "" {
		w.and(`p.study_uid = ?`, f.Study)
	}
	w.and(`not ` + access.Wished("p.site_id", "p.person", access.Restricted))
	limit := f.Limit
	if limit <= 0 || limit > maxEntries {
		limit = 200
	}
	list, err := db.List(ctx, r.DB, scanPerformed, selectPerformed+w.String()+fmt.Sprintf(` order by p.created_at desc, p.sop_uid limit %d`, limit), w.args...)
	if err != nil {
		return nil, err
	}
	all := make([]PerformedStep, len(list))
	for i, p := range list {
		all[i] = p.PerformedStep
		all[i].Steps, err = db.List(ctx, r.DB, func(rows *db.Rows) (s string, err error) { return s, rows.Scan(&s) },
			`select step_key from worklist_performed_step where site_id = $1 and sop_uid = $2 order by step_key`, siteID, p.SOPInstance)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// said returns whether every machine that told of a study is done with it, and, if
// asked for, which instances they say they made.
func (r *Register) said(ctx context.Context, q db.Querier, siteID, study string, instances bool) (done bool, made []string, err error) {
	list, err := db.List(ctx, q, scanPerformed, selectPerformed+`where p.site_id = $1 and p.study_uid = $2 and p.study_uid <> ''`, siteID, study)
	if err != nil || len(list) == 0 {
		return false, nil, err
	}
	done = true
	for _, p := range list {
		done = done && p.State != InProgress
		if !instances {
			continue
		}
		ds, err := parse(p.document)
		if err != nil {
			return false, nil, err
		}
		made = append(made, references(ds)...)
	}
	slices.Sort(made)
	return done, slices.Compact(made), nil
}
