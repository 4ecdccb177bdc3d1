package main

import (
	"cmp"
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

// rejectionSet is the content that says what titles of rejection notes do.
const rejectionSet = "archive/rejection"

// Case implements web.Reconcile. That identities were shown is noted for each.
func (v reconcileView) Case(ctx context.Context, language, name string) (web.ReconcileCase, error) {
	s, err := v.inDoubt(ctx, name)
	if err != nil {
		return web.ReconcileCase{}, err
	}
	c := caseOf(s, "")
	if s.PatientsDiffer {
		c.Kind = archive.TwoPatients
	}
	if c.Evidence, err = v.parts(ctx, s.UID); err != nil {
		return c, err
	}
	if err := v.others(ctx, &c, s); err != nil {
		return c, err
	}
	if err := v.ordered(ctx, &c, s); err != nil {
		return c, err
	}
	for _, t := range v.Archive.Titles {
		c.Titles = append(c.Titles, face.Choice{Code: t.Code, Label: v.words.label(rejectionSet, "titles", "code", "label", t.Code, language)})
	}
	seen, shown := v.visible(ctx, []web.ReconcileCase{c})
	if len(seen) == 0 {
		return c, fault.Errorf(fault.Forbidden, "whom the study is about may not be known")
	}
	c = seen[0]
	keys, err := v.linked(ctx, &c)
	if err != nil {
		return c, err
	}
	orders, err := v.ofTheDay(ctx, &c, s)
	if err != nil {
		return c, err
	}
	return c, v.note(ctx, slices.Concat(shown, keys, orders))
}

// inDoubt returns a study that whoever asks may look at.
func (v reconcileView) inDoubt(ctx context.Context, name string) (archive.Study, error) {
	if err := may(ctx, access.LinkChange); err != nil {
		return archive.Study{}, err
	}
	study, err := uid.Parse(name)
	if err != nil {
		return archive.Study{}, notFound("study")
	}
	if err := v.mayStudy(ctx, access.ObjectRead, study); err != nil {
		return archive.Study{}, err
	}
	return v.Archive.Study(ctx, at, study)
}

// ordered adds the order to which a study belongs or may belong, and says whether
// something is wrong with it.
func (v reconcileView) ordered(ctx context.Context, c *web.ReconcileCase, s archive.Study) error {
	if !access.Can(ctx, access.StepFind, access.Subject{Site: at}) {
		return nil // those who may not see it are shown the rest of the page
	}
	states, err := v.Worklist.StudyStates(ctx, at, worklist.StudyFilter{Study: s.UID.String()})
	if err != nil {
		return err
	}
	for _, st := range states {
		if kind, reason := doubtOf(st, true); c.Kind == "" {
			c.Kind, c.Reason = kind, reason
		}
		if err := v.order(ctx, c, st.Order); err != nil {
			return err
		}
	}
	return nil
}

// ofTheDay adds the orders of the day of a study and its modality to choose from, and
// returns whom they are for.
func (v reconcileView) ofTheDay(ctx context.Context, c *web.ReconcileCase, s archive.Study) (shown []string, err error) {
	if len(s.Date) != 8 || !access.Can(ctx, access.StepFind, access.Subject{Site: at}) {
		return nil, nil
	}
	day := dayText(s.Date)
	entries, err := v.Worklist.List(ctx, at, worklist.Filter{From: day, To: day, Limit: 200})
	for _, e := range entries {
		for _, had := range c.Orders {
			if had.Code == e.Order.ID {
				e.Order.ID = ""
			}
		}
		is := orderedFor(e.Order)
		fits := len(s.Modalities) == 0 || slices.Contains(s.Modalities, e.Step.Modality)
		if e.Order.ID == "" || !fits || len(c.Orders) >= reconcileOrders || !v.mayKnow(ctx, v.keyOf(is)) {
			continue
		}
		label := strings.Join(strings.Fields(strings.ReplaceAll(is.Name, "^", " ")+" "+e.Order.Accession+" "+e.Order.Description), " ")
		c.Orders = append(c.Orders, face.Choice{Code: e.Order.ID, Label: label})
		shown = append(shown, v.keyOf(is))
	}
	return shown, err
}

// linked adds who the patient of a study may be, too, what was decided about that, and
// returns who is shown.
func (v reconcileView) linked(ctx context.Context, c *web.ReconcileCase) (shown []string, err error) {
	who := v.keyOf(c.Says)
	if who == "" {
		return nil, nil
	}
	same, err := v.Persons.Keys(ctx, at, who)
	if err != nil {
		return nil, err
	}
	offer := func(key, label string) {
		had := slices.ContainsFunc(c.Others, func(o face.Choice) bool { return o.Code == key })
		if key != "" && !had && !slices.Contains(same, key) && v.mayKnow(ctx, key) {
			c.Others, shown = append(c.Others, face.Choice{Code: key, Label: label}), append(shown, key)
		}
	}
	for _, e := range c.Evidence {
		offer(v.keyOf(e.Identity), shownKey(v.keyOf(e.Identity))+" "+strings.ReplaceAll(e.Identity.Name, "^", " "))
	}
	likely, err := v.Persons.Candidates(ctx, at, who)
	if err != nil {
		return nil, err
	}
	for _, x := range likely {
		for _, key := range []string{x.A, x.B} {
			if key == who {
				continue
			}
			named := ""
			if list, err := v.Archive.Patient(ctx, at, key); err == nil && len(list) > 0 {
				named = strings.ReplaceAll(list[0].Name.Reveal(), "^", " ") + " " + dayText(list[0].BirthDate.Reveal())
			}
			offer(key, shownKey(key)+" "+named)
		}
	}
	links, err := v.Persons.Links(ctx, at, who)
	if err != nil {
		return nil, err
	}
	names, err := v.accountNames(ctx)
	for _, l := range links {
		if !v.mayKnow(ctx, l.A) || !v.mayKnow(ctx, l.B) {
			continue
		}
		shown = append(shown, l.A, l.B)
		c.Links = append(c.Links, web.Reconciled{
			ID: l.ID, Kind: l.Kind, What: shownKey(l.A) + " – " + shownKey(l.B), By: cmp.Or(names[l.MadeBy], l.MadeBy), Reason: l.Reason, At: l.Made, Undone: !l.Ended.IsZero(),
		})
	}
	return shown, err
}

// From implements web.Reconcile.
func (v reconcileView) From(ctx context.Context, name, from string) (web.Named, string, error) {
	s, err := v.inDoubt(ctx, name)
	if err != nil {
		return web.Named{}, "", err
	}
	kind, id, _ := strings.Cut(from, ":")
	is, label := identityOf(s), ""
	switch kind {
	case "order":
		o, err := v.Worklist.Get(ctx, at, id)
		if err != nil {
			return is, "", err
		}
		is, label = orderedFor(o), strings.TrimSpace(o.Accession+" "+o.Description)
	case "study":
		other, err := v.inDoubt(ctx, id)
		if err != nil {
			return is, "", err
		}
		accession := is.Accession // is of one study
		is, label = identityOf(other), dayText(other.Date)+" "+other.Description
		is.Accession = accession
	default:
		return is, "", notFound("order")
	}
	if !v.mayKnow(ctx, v.keyOf(is)) {
		return web.Named{}, "", fault.Errorf(fault.Forbidden, "the person may not be known")
	}
	return is, label, v.note(ctx, []string{v.keyOf(is)})
}

// others adds what other studies of the patient say, and what this one said when it came.
func (v reconcileView) others(ctx context.Context, c *web.ReconcileCase, s archive.Study) error {
	suspects, err := v.Archive.Suspects(ctx, at, v.Now().AddDate(0, 0, -reconcileDays), reconcileCases)
	if err != nil {
		return err
	}
	for _, x := range suspects {
		if x.ID != s.ID {
			continue
		}
		if x.Kind == archive.Contradicts {
			c.Evidence = append(c.Evidence, evidenceOf(x.Other))
		}
		if c.Kind == "" {
			c.Kind = x.Kind
		}
		if x.Kind == archive.Late && c.Kind == x.Kind {
			c.Reason = "late_correction"
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
