package main

import (
	"context"
	"strings"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/person"
	"radagora/web"
	"radagora/worklist"
)

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
	t, err := targetFlags{Study: d.Study, Series: d.Series}.target()
	if err != nil {
		return notFound("series")
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
	case "link":
		return v.link(ctx, study, d)
	case "unlink":
		return v.Persons.Unlink(ctx, at, d.ID, d.Reason)
	case "dismiss":
		return v.Archive.Dismiss(ctx, at, study, d.Kind, d.Reason)
	}
	return fault.Errorf(fault.Invalid, "no such decision")
}

// link decides whether the patient of a study is another one, too.
func (v reconcileView) link(ctx context.Context, study uid.UID, d web.ReconcileDecision) error {
	who, err := v.Archive.PersonOf(ctx, at, study.String())
	if err != nil {
		return err
	}
	if d.Other == "" || who == "" || d.Kind != person.Linked && d.Kind != person.Distinct {
		return web.Refuse(map[string]string{"other": "reconcile.wrong_other"})
	}
	_, err = v.Persons.Link(ctx, person.Link{Site: at, Kind: d.Kind, A: who, B: d.Other, Reason: d.Reason})
	if err != nil && (fault.Of(err) == fault.Conflict || fault.Of(err) == fault.Invalid) {
		return web.Refuse(map[string]string{"other": "reconcile.wrong_decided"})
	}
	return err
}

// values returns what a decision says otherwise than it is.
func (v reconcileView) values(ctx context.Context, t archive.Target, d web.ReconcileDecision) ([]archive.Value, error) {
	s, err := v.Archive.Study(ctx, at, t.Study)
	if err != nil {
		return nil, err
	}
	parts, err := v.parts(ctx, t.Study)
	if err != nil {
		return nil, err
	}
	is := identityOf(s)
	for _, e := range parts {
		if !t.Series.IsZero() && e.Series == t.Series.String() {
			e.Identity.Accession = is.Accession
			is = e.Identity
		}
	}
	var values []archive.Value
	now := fieldsOf(&d.Is)
	all := t.Series.IsZero() && s.PatientsDiffer // what stays for one of them is new for the other
	for k, was := range fieldsOf(&is) {
		if *now[k] != *was || all && k != tag.AccessionNumber {
			values = append(values, archive.Value{Tag: k, Text: archive.Conceal(*now[k])})
		}
	}
	if len(values) == 0 {
		return nil, web.Refuse(map[string]string{"patient_id": "reconcile.wrong_nothing"})
	}
	return values, nil
}

// Effects implements web.Reconcile.
func (v reconcileView) Effects(ctx context.Context, d web.ReconcileDecision) ([]web.ReconcileEffect, error) {
	if _, err := v.inDoubt(ctx, d.Study); err != nil {
		return nil, err
	}
	t, err := targetFlags{Study: d.Study, Series: d.Series}.target()
	if err != nil {
		return nil, notFound("series")
	}
	values, err := v.values(ctx, t, d)
	if err != nil {
		return nil, err
	}
	list, err := v.Archive.Effects(ctx, at, t, values, d.Own)
	if err != nil {
		return nil, correctionRefused(err)
	}
	all := []web.ReconcileEffect{}
	for _, e := range list {
		x := web.ReconcileEffect{Label: strings.TrimSpace(e.Modality + " " + e.Description), Instances: e.Instances, Own: e.Split}
		for i, b := range e.Before {
			if i < len(e.After) && b.Text.Reveal() != e.After[i].Text.Reveal() {
				x.Changes = append(x.Changes, web.CoercionChange{Attribute: b.Tag.Name(), Before: b.Text.Reveal(), After: e.After[i].Text.Reveal()})
			}
		}
		all = append(all, x)
	}
	return all, nil
}

// correctionRefused turns what is wrong with a correction into what a form says.
func correctionRefused(err error) error {
	switch {
	case err == nil:
		return nil
	case fault.Of(err) == fault.Conflict:
		return web.Refuse(map[string]string{"series": "reconcile.wrong_split"})
	case fault.Of(err) == fault.Invalid:
		return web.Refuse(map[string]string{"patient_id": "reconcile.wrong_value"})
	}
	return err
}

// correct corrects what is other than it is.
func (v reconcileView) correct(ctx context.Context, t archive.Target, d web.ReconcileDecision) error {
	values, err := v.values(ctx, t, d)
	if err != nil {
		return err
	}
	if d.Own {
		_, err = v.Archive.Split(ctx, at, t, values, d.Reason)
	} else {
		_, err = v.Archive.Correct(ctx, at, t, values, d.Reason)
	}
	return correctionRefused(err)
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
