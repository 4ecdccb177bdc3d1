package main

import (
	"context"
	"slices"
	"strings"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
	"radagora/worklist"
)

// A reconcileView shows studies whose patient is in doubt.
type reconcileView struct{ *view }

const (
	reconcileDays  = 30
	reconcileCases = 50
)

// identityOf returns what a study says of its patient.
func identityOf(s archive.Study) web.Named {
	return web.Named{
		PatientID: s.PatientID.Reveal(), Issuer: s.IssuerOfPatientID.Reveal(), Name: s.PatientName.Reveal(),
		Birth: s.PatientBirthDate.Reveal(), Sex: s.PatientSex.Reveal(), Accession: s.AccessionNumber.Reveal(),
	}
}

// caseOf makes a case of a study.
func caseOf(s archive.Study, kind string) web.ReconcileCase {
	return web.ReconcileCase{
		Study: s.UID.String(), Kind: kind, Date: dayText(s.Date), Description: s.Description,
		Modalities: strings.Join(s.Modalities, " "), Instances: s.InstanceCount, Says: identityOf(s),
	}
}

// dayText writes YYYYMMDD as a date.
func dayText(s string) string {
	if len(s) != 8 {
		return s
	}
	return s[:4] + "-" + s[4:6] + "-" + s[6:]
}

// Reconcile implements web.Reconcile. That identities were shown is noted for each.
func (v reconcileView) Reconcile(ctx context.Context) (web.ReconcilePage, error) {
	pg := web.ReconcilePage{Days: reconcileDays}
	if err := may(ctx, access.LinkChange); err != nil {
		return pg, err
	}
	since := v.Now().AddDate(0, 0, -reconcileDays)
	suspects, err := v.Archive.Suspects(ctx, at, since, reconcileCases)
	if err != nil {
		return pg, err
	}
	var persons []string
	for _, s := range suspects {
		if v.mayStudy(ctx, access.ObjectRead, s.UID) != nil {
			continue
		}
		c := caseOf(s.Study, s.Kind)
		if s.Kind == archive.Contradicts {
			c.Evidence = append(c.Evidence, evidenceOf(s.Other))
		} else if c.Evidence, err = v.parts(ctx, s.UID); err != nil {
			return pg, err
		}
		pg.Cases, persons = append(pg.Cases, c), append(persons, s.Person.Reveal())
	}
	unmatched, err := v.unmatched(ctx)
	if err != nil {
		return pg, err
	}
	for _, c := range unmatched {
		if !slices.ContainsFunc(pg.Cases, func(x web.ReconcileCase) bool { return x.Study == c.Study }) {
			pg.Cases = append(pg.Cases, c)
		}
	}
	if len(persons) > 0 {
		if err := v.looked(ctx, "reconcile", slices.DeleteFunc(persons, func(s string) bool { return s == "" })...); err != nil {
			return pg, err
		}
	}
	pg.Decided, err = v.decided(ctx)
	return pg, err
}

// evidenceOf makes evidence of another study.
func evidenceOf(s archive.Study) web.Evidence {
	return web.Evidence{
		Kind: "study", Label: dayText(s.Date) + " " + s.Description, Link: "/images/reconcile/" + s.UID.String(), Identity: identityOf(s),
	}
}

// parts returns what the series of a study say.
func (v reconcileView) parts(ctx context.Context, study uid.UID) ([]web.Evidence, error) {
	list, err := v.Archive.Parts(ctx, at, study)
	var all []web.Evidence
	for _, p := range list {
		all = append(all, web.Evidence{
			Kind: "series", Label: strings.TrimSpace(p.Modality + " " + p.Description), Series: p.Series.String(),
			Identity: web.Named{PatientID: p.PatientID.Reveal(), Issuer: p.Issuer.Reveal(), Name: p.Name.Reveal(), Birth: p.Birth.Reveal(), Sex: p.Sex.Reveal()},
		})
	}
	return all, err
}

// unmatched returns studies that belong to no order, with the one they may belong to,
// and those to which images came late. Without orders there is nothing to fit.
func (v reconcileView) unmatched(ctx context.Context) ([]web.ReconcileCase, error) {
	if access.Check(ctx, access.StepFind, access.Subject{Site: at}) != nil {
		return nil, nil //nolint:nilerr // those who may not see it are shown the rest of the page
	}
	states, err := v.Worklist.StudyStates(ctx, at, worklist.StudyFilter{Matches: []worklist.Match{worklist.Suspected}, Limit: reconcileCases})
	if err != nil {
		return nil, err
	}
	dismissed, err := v.Archive.Dismissed(ctx, at, archive.Unmatched)
	if err != nil {
		return nil, err
	}
	var all []web.ReconcileCase
	for _, st := range states {
		study, err := uid.Parse(st.Study)
		if err != nil || dismissed[st.Study] || v.mayStudy(ctx, access.ObjectRead, study) != nil {
			continue
		}
		s, err := v.Archive.Study(ctx, at, study)
		if fault.Of(err) == fault.NotFound && err != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		c := caseOf(s, archive.Unmatched)
		c.Reason = st.Reason
		if err := v.order(ctx, &c, st.Order); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// order adds an order to the evidence of c.
func (v reconcileView) order(ctx context.Context, c *web.ReconcileCase, id string) error {
	if id == "" {
		return nil
	}
	o, err := v.Worklist.Get(ctx, at, id)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			return nil
		}
		return err
	}
	label := strings.TrimSpace(o.Accession + " " + o.Description)
	c.Evidence = append(c.Evidence, web.Evidence{
		Kind: "order", Label: label, Identity: web.Named{
			PatientID: o.Patient.ID, Issuer: o.Patient.Issuer, Name: o.Patient.Name,
			Birth: strings.ReplaceAll(o.Patient.BirthDate, "-", ""), Sex: o.Patient.Sex, Accession: o.Accession,
		},
	})
	c.Orders = append(c.Orders, face.Choice{Code: id, Label: label})
	return nil
}

// decided returns what was corrected and rejected lately.
func (v reconcileView) decided(ctx context.Context) ([]web.Reconciled, error) {
	corrections, err := v.Archive.Corrections(ctx, at, uid.UID{}, reconcileCases)
	if err != nil {
		return nil, err
	}
	var all []web.Reconciled
	for _, c := range corrections {
		var what []string
		for i, k := range c.Values {
			if i < len(c.Received) {
				what = append(what, k.Tag.Name()+": "+c.Received[i].Text.Reveal()+" → "+k.Text.Reveal())
			}
		}
		all = append(all, web.Reconciled{
			ID: c.ID, Kind: "correction", Study: c.Target.Study.String(), What: strings.Join(what, "; "), By: v.name(ctx, c.Actor), Reason: c.Reason, At: c.At, Undone: !c.Undone.IsZero(),
		})
	}
	rejections, err := v.Archive.Rejections(ctx, at, uid.UID{}, reconcileCases)
	if err != nil {
		return nil, err
	}
	for _, j := range rejections {
		all = append(all, web.Reconciled{
			ID: j.ID, Kind: "rejection", Study: j.Study, What: v.titleOf(j.Title), By: v.name(ctx, j.Actor), Reason: j.Reason, At: j.At, Undone: !j.Undone.IsZero(),
		})
	}
	slices.SortFunc(all, func(a, b web.Reconciled) int { return strings.Compare(b.ID, a.ID) })
	return all[:min(len(all), reconcileCases)], nil
}

// name returns who somebody is.
func (v reconcileView) name(_ context.Context, actor string) string { return actor }

// titleOf returns the words of a title.
func (v reconcileView) titleOf(code string) string {
	for _, t := range v.Archive.Titles {
		if t.Code == code {
			return t.Meaning
		}
	}
	return code
}

// Case implements web.Reconcile.
func (v reconcileView) Case(ctx context.Context, name string) (web.ReconcileCase, error) {
	var c web.ReconcileCase
	if err := may(ctx, access.LinkChange); err != nil {
		return c, err
	}
	study, err := uid.Parse(name)
	if err != nil {
		return c, notFound("study")
	}
	if err := v.mayStudy(ctx, access.ObjectRead, study); err != nil {
		return c, err
	}
	s, err := v.Archive.Study(ctx, at, study)
	if err != nil {
		return c, err
	}
	c = caseOf(s, "")
	if s.PatientsDiffer {
		c.Kind = archive.TwoPatients
	}
	if c.Evidence, err = v.parts(ctx, study); err != nil {
		return c, err
	}
	if err := v.others(ctx, &c, s); err != nil {
		return c, err
	}
	if access.Check(ctx, access.StepFind, access.Subject{Site: at}) == nil {
		states, err := v.Worklist.StudyStates(ctx, at, worklist.StudyFilter{Study: name})
		if err != nil {
			return c, err
		}
		for _, st := range states {
			if st.Match == worklist.Suspected && c.Kind == "" {
				c.Kind, c.Reason = archive.Unmatched, st.Reason
			}
			if err := v.order(ctx, &c, st.Order); err != nil {
				return c, err
			}
		}
	}
	for _, t := range v.Archive.Titles {
		c.Titles = append(c.Titles, face.Choice{Code: t.Code, Label: t.Meaning})
	}
	return c, nil
}

// others adds what other studies of the patient say, and what this one said when it came.
func (v reconcileView) others(ctx context.Context, c *web.ReconcileCase, s archive.Study) error {
	suspects, err := v.Archive.Suspects(ctx, at, v.Now().AddDate(0, 0, -reconcileDays), reconcileCases)
	if err != nil {
		return err
	}
	for _, x := range suspects {
		if x.ID == s.ID && x.Kind == archive.Contradicts {
			c.Evidence = append(c.Evidence, evidenceOf(x.Other))
			if c.Kind == "" {
				c.Kind = x.Kind
			}
		}
	}
	corrections, err := v.Archive.Corrections(ctx, at, s.UID, reconcileCases)
	for _, k := range corrections {
		if !k.Undone.IsZero() {
			continue
		}
		e := web.Evidence{Kind: "received", Label: k.At.UTC().Format("2006-01-02")}
		for _, r := range k.Received {
			for t, to := range fieldsOf(&e.Identity) {
				if t == r.Tag {
					*to = r.Text.Reveal()
				}
			}
		}
		c.Evidence = append(c.Evidence, e)
	}
	return err
}

// fieldsOf returns the parts of an identity by their attribute.
func fieldsOf(i *web.Named) map[tag.Tag]*string {
	return map[tag.Tag]*string{
		tag.PatientID: &i.PatientID, tag.IssuerOfPatientID: &i.Issuer, tag.PatientName: &i.Name,
		tag.PatientBirthDate: &i.Birth, tag.PatientSex: &i.Sex, tag.AccessionNumber: &i.Accession,
	}
}

// Decide implements web.Reconcile.
func (v reconcileView) Decide(ctx context.Context, d web.ReconcileDecision) error {
	if err := may(ctx, access.LinkChange); err != nil {
		return err
	}
	if d.Reason == "" {
		return web.Refuse(map[string]string{"reason": "reconcile.wrong_reason"})
	}
	if d.Do == "undo" {
		return v.takeBack(ctx, d)
	}
	study, err := uid.Parse(d.Study)
	if err != nil {
		return notFound("study")
	}
	if err := v.mayStudy(ctx, access.ObjectRead, study); err != nil {
		return err
	}
	t := archive.Target{Study: study}
	if d.Series != "" {
		if t.Series, err = uid.Parse(d.Series); err != nil {
			return notFound("series")
		}
	}
	switch d.Do {
	case "correct":
		return v.correct(ctx, t, d)
	case "match":
		return v.Worklist.Decide(ctx, at, worklist.Decision{Study: d.Study, Order: d.Order, Reason: d.Reason})
	case "reject":
		if err := may(ctx, access.ObjectDelete); err != nil {
			return err
		}
		_, err = v.Archive.Reject(ctx, at, t, d.Title, d.Reason)
		return err
	case "dismiss":
		return v.Archive.Dismiss(ctx, at, study, d.Kind, d.Reason)
	}
	return fault.Errorf(fault.Invalid, "no such decision")
}

// correct corrects what is other than it is.
func (v reconcileView) correct(ctx context.Context, t archive.Target, d web.ReconcileDecision) error {
	c, err := v.Case(ctx, d.Study)
	if err != nil {
		return err
	}
	is := c.Says
	for _, e := range c.Evidence {
		if !t.Series.IsZero() && e.Series == t.Series.String() {
			e.Identity.Accession = is.Accession
			is = e.Identity
		}
	}
	var values []archive.Value
	now := fieldsOf(&d.Is)
	all := t.Series.IsZero() && c.Kind == archive.TwoPatients // what stays for one of them is new for the other
	for k, was := range fieldsOf(&is) {
		if *now[k] != *was || all && k != tag.AccessionNumber {
			values = append(values, archive.Value{Tag: k, Text: archive.Conceal(*now[k])})
		}
	}
	if len(values) == 0 {
		return web.Refuse(map[string]string{"patient_id": "reconcile.wrong_nothing"})
	}
	_, err = v.Archive.Correct(ctx, at, t, values, d.Reason)
	if err != nil && fault.Of(err) == fault.Invalid {
		return web.Refuse(map[string]string{"patient_id": "reconcile.wrong_value"})
	}
	return err
}

// takeBack undoes a correction or a rejection.
func (v reconcileView) takeBack(ctx context.Context, d web.ReconcileDecision) error {
	_, err := v.Archive.Correction(ctx, at, d.ID)
	switch {
	case err == nil:
		return v.Archive.Uncorrect(ctx, at, d.ID, d.Reason)
	case fault.Of(err) != fault.NotFound:
		return err
	}
	if err := may(ctx, access.ObjectDelete); err != nil {
		return err
	}
	return v.Archive.Unreject(ctx, at, d.ID, d.Reason)
}
