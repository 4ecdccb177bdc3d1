package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/ucum"
	"radagora/web"
	"radagora/web/face"
)

// A splitView says which events of a study are one examination.
type splitView struct{ *view }

// mostWaiting is how many studies that wait a page lists.
const mostWaiting = 100

// Splitting implements web.Splitting.
func (v splitView) Splitting(ctx context.Context, study, language string) (web.SplitPage, error) {
	var out web.SplitPage
	all, n, err := v.Dose.Splitting(ctx, at, mostWaiting)
	if err != nil {
		return out, err
	}
	p, err := v.plan(ctx)
	if err != nil {
		return out, err
	}
	out.Waiting = n
	zone := v.site(ctx).Zone
	for _, s := range all {
		out.Studies = append(out.Studies, web.SplitStudy{
			Study: s.Study, Modality: s.Modality, Description: s.Description, At: moment(cmp.Or(s.Started, s.Day), zone),
			Room: p.ref(p.of(s.Machine)), Events: s.Events, Unassigned: s.Unassigned,
		})
	}
	if study == "" && len(all) > 0 {
		study = all[0].Study
	}
	if study == "" {
		return out, nil
	}
	if out.Current, err = v.current(ctx, p, study, language); err != nil {
		return out, err
	}
	out.Exams = v.words.choices("dose/exam", "exam_code", "", language)
	out.Undo = slices.ContainsFunc(out.Current.Steps, func(s web.SplitStep) bool { return !s.Undone }) &&
		access.Can(ctx, access.MappingPropose, access.Subject{Site: at})
	return out, nil
}

// current is the study that is divided.
func (v splitView) current(ctx context.Context, p plan, study, language string) (*web.SplitCurrent, error) {
	u, err := uid.Parse(study)
	if err != nil {
		return nil, notFound("study")
	}
	if err := v.mayStudy(ctx, access.ExaminationRead, u); err != nil {
		return nil, err
	}
	s, err := v.Dose.Study(ctx, at, study)
	if err != nil {
		return nil, err
	}
	zone := v.site(ctx).Zone
	c := &web.SplitCurrent{SplitStudy: web.SplitStudy{
		Study: study, Modality: s.Modality, Description: s.Description, At: moment(cmp.Or(s.Started, s.Day), zone), Room: p.ref(p.of(s.Machine)), Events: len(s.Events),
	}}
	called := map[string]string{}
	for _, i := range s.Items {
		called[i.Key] = i.Key + ". " + cmp.Or(v.words.exam(i.Exam, language).Label, i.Name, "–")
		c.Into = append(c.Into, web.SplitChoice{Key: i.Key, Label: called[i.Key]})
	}
	open := true // until the diagnostic event that is decided next
	for _, e := range s.Events {
		line := web.SplitEvent{
			Key: e.Key, Type: value(e.Type), Protocol: value(e.Protocol), Dose: doseOf(e), Examination: called[e.Examination], AssignedBy: e.AssignedBy,
		}
		if e.Started != nil {
			line.Clock = moment(*e.Started, zone).Format(time.TimeOnly)
		}
		if e.Region != nil {
			line.Region = value(e.Region.Meaning)
		}
		if e.Examination == "" {
			c.Unassigned++
			line.Next = open
			open = open && !e.Sequence
		}
		c.Lines = append(c.Lines, line)
	}
	if c.Proposed, err = v.proposed(ctx, s, language); err != nil {
		return nil, err
	}
	return c, v.steps(ctx, study, language, c)
}

// doseOf is the dose by which one knows an event.
func doseOf(e dose.StoredEvent) string {
	for _, d := range []struct {
		value *ucum.Decimal
		unit  string
	}{{e.DLP, "mGy.cm"}, {e.DAP, "Gy.m2"}, {e.AGD, "mGy"}, {e.Activity, "MBq"}} {
		if d.value != nil {
			return d.value.String() + " " + d.unit
		}
	}
	return ""
}

// proposed are the examinations that the protocols of a study are approved for, and that
// it does not have.
func (v splitView) proposed(ctx context.Context, s *dose.StoredStudy, language string) ([]face.Choice, error) {
	all, err := v.Dose.Mappings(ctx, at)
	if err != nil {
		return nil, err
	}
	known := dose.NewMappings(all)
	var out []face.Choice
	for _, e := range s.Events {
		m, ok := known.Find(value(e.Protocol), dose.FromProtocol, s.Machine, s.Day)
		if !ok || m.Exam == dose.NotAnExamination || slices.ContainsFunc(s.Items, func(i *dose.Item) bool { return i.Exam == m.Exam }) {
			continue
		}
		if choice := v.words.exam(m.Exam, language); !slices.Contains(out, choice) {
			out = append(out, choice)
		}
	}
	return out, nil
}

// steps adds what was decided.
func (v splitView) steps(ctx context.Context, study, language string, c *web.SplitCurrent) error {
	all, err := v.Dose.SplitSteps(ctx, at, study, mostWaiting)
	if err != nil {
		return err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		c.Steps = append(c.Steps, web.SplitStep{
			ID: s.ID, By: cmp.Or(names[s.By], s.By), Exam: cmp.Or(v.words.exam(s.Exam, language).Label, s.Exam), Events: len(s.Events),
			Multi: s.Multi, Made: s.Made, At: time.UnixMilli(s.At), Undone: s.UndoneAt != 0,
		})
	}
	return nil
}

// Split implements web.Splitting.
func (v splitView) Split(ctx context.Context, who web.Person, f web.SplitForm) error {
	if err := v.maySplit(ctx, f.Study); err != nil {
		return err
	}
	_, err := v.Dose.Assign(ctx, dose.Split{Site: at, Study: f.Study, Events: f.Events, Into: f.Into, Exam: f.Exam, Multi: f.Multi, By: who.ID})
	return err
}

// maySplit reports whether whoever asks may decide about a study.
func (h *house) maySplit(ctx context.Context, study string) error {
	if err := may(ctx, access.MappingPropose); err != nil {
		return err
	}
	u, err := uid.Parse(study)
	if err != nil {
		return notFound("study")
	}
	return h.mayStudy(ctx, access.ExaminationRead, u)
}

// UndoSplit implements web.Splitting.
func (v splitView) UndoSplit(ctx context.Context, who web.Person, id string) (string, error) {
	if err := may(ctx, access.MappingPropose); err != nil {
		return "", err
	}
	if id == "" {
		last, ok, err := v.Dose.LastSplit(ctx, at, who.ID)
		if err != nil {
			return "", err
		}
		if !ok {
			return "", notFound("decision to take back")
		}
		id = last
	}
	return v.Dose.UndoSplit(ctx, at, id, who.ID)
}
