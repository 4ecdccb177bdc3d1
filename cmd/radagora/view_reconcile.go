package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
	"radagora/worklist"
)

// A reconcileView shows studies whose patient is in doubt.
type reconcileView struct{ *view }

const (
	reconcileDays   = 30
	reconcileCases  = 50
	reconcileStates = 1000
	reconcileOrders = 30
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
func (v reconcileView) Reconcile(ctx context.Context, language string) (web.ReconcilePage, error) {
	pg := web.ReconcilePage{Days: reconcileDays}
	if err := may(ctx, access.LinkChange); err != nil {
		return pg, err
	}
	since := v.Now().AddDate(0, 0, -reconcileDays)
	suspects, err := v.Archive.Suspects(ctx, at, since, reconcileCases)
	if err != nil {
		return pg, err
	}
	for _, s := range suspects {
		if v.mayStudy(ctx, access.ObjectRead, s.UID) != nil {
			continue
		}
		c := caseOf(s.Study, s.Kind)
		if s.Kind == archive.Late {
			c.Reason = "late_correction"
		}
		if s.Kind == archive.Contradicts {
			c.Evidence = append(c.Evidence, evidenceOf(s.Other))
		} else if c.Evidence, err = v.parts(ctx, s.UID); err != nil {
			return pg, err
		}
		pg.Cases = append(pg.Cases, c)
	}
	more, err := v.fitting(ctx)
	if err != nil {
		return pg, err
	}
	for _, c := range more {
		if !slices.ContainsFunc(pg.Cases, func(x web.ReconcileCase) bool { return x.Study == c.Study }) {
			pg.Cases = append(pg.Cases, c)
		}
	}
	var shown []string
	pg.Cases, shown = v.visible(ctx, pg.Cases)
	decided, keys, err := v.decided(ctx, language)
	if err != nil {
		return pg, err
	}
	pg.Decided = decided
	if err := v.aside(ctx, &pg); err != nil {
		return pg, err
	}
	return pg, v.note(ctx, append(shown, keys...))
}

// visible leaves out whom whoever asks may not know, and returns who is shown.
func (v reconcileView) visible(ctx context.Context, cases []web.ReconcileCase) (may []web.ReconcileCase, shown []string) {
	for _, c := range cases {
		who := v.keyOf(c.Says)
		if !v.mayKnow(ctx, who) {
			continue
		}
		shown = append(shown, who)
		c.Evidence = slices.DeleteFunc(c.Evidence, func(e web.Evidence) bool {
			key := v.keyOf(e.Identity)
			if ok := v.mayKnow(ctx, key); !ok {
				return true
			}
			shown = append(shown, key)
			return false
		})
		may = append(may, c)
	}
	return may, shown
}

// keyOf names the person of an identity.
func (v reconcileView) keyOf(i web.Named) string { return v.Archive.Key(i.Issuer, i.PatientID) }

// mayKnow reports whether whoever asks may know who a person is.
func (v reconcileView) mayKnow(ctx context.Context, key string) bool {
	return key == "" || access.Check(ctx, access.IdentityRead, access.Subject{Site: at, Person: key}) == nil
}

// note notes that identities are shown.
func (v reconcileView) note(ctx context.Context, keys []string) error {
	keys = slices.DeleteFunc(keys, func(s string) bool { return s == "" })
	if len(keys) == 0 {
		return nil
	}
	return v.looked(ctx, "reconcile", keys...)
}

// evidenceOf makes evidence of another study.
func evidenceOf(s archive.Study) web.Evidence {
	return web.Evidence{
		Kind: "study", From: "study:" + s.UID.String(), Label: dayText(s.Date) + " " + s.Description, Link: "/images/reconcile/" + s.UID.String(), Identity: identityOf(s),
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

// fitting returns studies that belong to no order, with the one they may belong to, and
// those to which images came after they were complete. Without orders there is nothing
// to fit.
func (v reconcileView) fitting(ctx context.Context) ([]web.ReconcileCase, error) {
	if access.Check(ctx, access.StepFind, access.Subject{Site: at}) != nil {
		return nil, nil //nolint:nilerr // those who may not see it are shown the rest of the page
	}
	since := v.Now().AddDate(0, 0, -reconcileDays)
	orders, err := v.Worklist.List(ctx, at, worklist.Filter{From: since.Format("2006-01-02"), Limit: 1})
	if err != nil {
		return nil, err
	}
	states, err := v.Worklist.StudyStates(ctx, at, worklist.StudyFilter{Limit: reconcileStates})
	if err != nil {
		return nil, err
	}
	dismissed := map[string]map[string]bool{}
	for _, kind := range []string{archive.Unmatched, archive.Late} {
		if dismissed[kind], err = v.Archive.Dismissed(ctx, at, kind); err != nil {
			return nil, err
		}
	}
	var all []web.ReconcileCase
	for _, st := range states {
		kind, reason := doubtOf(st, len(orders) > 0)
		if kind == "" || st.Last.Before(since) || dismissed[kind][st.Study] || len(all) == reconcileCases {
			continue
		}
		study, err := uid.Parse(st.Study)
		if err != nil || v.mayStudy(ctx, access.ObjectRead, study) != nil {
			continue
		}
		s, err := v.Archive.Study(ctx, at, study)
		if fault.Of(err) == fault.NotFound && err != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		c := caseOf(s, kind)
		c.Reason = reason
		if err := v.order(ctx, &c, st.Order); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// doubtOf says why a study that the worklist knows is in doubt, and the reason, if it is.
func doubtOf(st worklist.StudyState, orders bool) (kind, reason string) {
	switch {
	case st.Match == worklist.Suspected, st.Match == worklist.Unmatched && orders && st.Reason != worklist.ByPerson:
		return archive.Unmatched, st.Reason
	case st.Complete.State == worklist.AnnouncedChanged, st.Complete.Times > 1:
		return archive.Late, "late_complete"
	}
	return "", ""
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
		Kind: "order", From: "order:" + id, Label: label, Identity: orderedFor(o),
	})
	c.Orders = append(c.Orders, face.Choice{Code: id, Label: label})
	return nil
}

// orderedFor returns whom an order is for.
func orderedFor(o worklist.Order) web.Named {
	return web.Named{
		PatientID: o.Patient.ID, Issuer: o.Patient.Issuer, Name: o.Patient.Name,
		Birth: strings.ReplaceAll(o.Patient.BirthDate, "-", ""), Sex: o.Patient.Sex, Accession: o.Accession,
	}
}

// decided returns what was corrected and rejected lately, and who is shown by that.
func (v reconcileView) decided(ctx context.Context, language string) (all []web.Reconciled, shown []string, err error) {
	corrections, err := v.Archive.Corrections(ctx, at, uid.UID{}, reconcileCases)
	if err != nil {
		return nil, nil, err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range corrections {
		what, keys := v.corrected(ctx, c)
		shown = append(shown, keys...)
		kind := "correction"
		if !c.Split.IsZero() {
			kind = "split"
		}
		all = append(all, web.Reconciled{
			ID: c.ID, Kind: kind, Study: c.Target.Study.String(), What: strings.Join(what, "; "), By: cmp.Or(names[c.Actor], c.Actor), Reason: c.Reason, At: c.At, Undone: !c.Undone.IsZero(),
		})
	}
	rejections, err := v.Archive.Rejections(ctx, at, uid.UID{}, reconcileCases)
	if err != nil {
		return nil, nil, err
	}
	for _, j := range rejections {
		all = append(all, web.Reconciled{
			ID: j.ID, Kind: "rejection", Study: j.Study, What: v.words.label(rejectionSet, "titles", "code", "label", j.Title, language), By: cmp.Or(names[j.Actor], j.Actor), Reason: j.Reason, At: j.At, Undone: !j.Undone.IsZero(),
		})
	}
	slices.SortFunc(all, func(a, b web.Reconciled) int { return strings.Compare(b.ID, a.ID) })
	return all[:min(len(all), reconcileCases)], shown, nil
}

// corrected says what a correction changed: with the values, as far as whoever asks may
// know the persons, who are returned, too.
func (v reconcileView) corrected(ctx context.Context, c archive.Correction) (what, shown []string) {
	var was web.Named
	for _, r := range c.Received {
		if to := fieldsOf(&was)[r.Tag]; to != nil {
			*to = r.Text.Reveal()
		}
	}
	shown = []string{c.Person.Reveal(), v.keyOf(was)}
	known := v.mayKnow(ctx, shown[0]) && v.mayKnow(ctx, shown[1])
	for i, k := range c.Values {
		words := k.Tag.Name()
		if known && i < len(c.Received) {
			words += ": " + c.Received[i].Text.Reveal() + " → " + k.Text.Reveal()
		}
		what = append(what, words)
	}
	if !known {
		shown = nil
	}
	return what, shown
}
