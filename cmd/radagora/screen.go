package main

import (
	"cmp"
	"context"
	"time"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/web"
)

// screening finds for dose what scanners displayed.
type screening struct{ *house }

// Screens implements dose.Screens.
func (s screening) Screens(ctx context.Context, siteID string, p dose.Period, modalities []string, numbers []int64, words []string, limit int) ([]dose.Screen, error) {
	all, err := s.Archive.Numbered(ctx, siteID, p.From, p.To, modalities, numbers, words, limit)
	out := make([]dose.Screen, len(all))
	for i, n := range all {
		out[i] = dose.Screen{
			Study: n.Study, Series: n.Series, SOP: n.SOP, Modality: n.Modality, Manufacturer: n.Manufacturer, Description: n.Description,
			Number: n.Number, Machine: n.Machine, Day: n.Day, Clock: n.Time,
		}
	}
	return out, err
}

// A screenView lists dose screens that nobody read yet.
type screenView struct{ *view }

// mostShownScreens is how many screens a page lists.
const mostShownScreens = 200

// DoseScreens implements web.Screens.
func (v screenView) DoseScreens(ctx context.Context) ([]web.DoseScreen, error) {
	here, err := v.Sites.Site(ctx, at)
	if err != nil {
		return nil, err
	}
	all, err := v.Dose.DoseScreens(ctx, at, dose.Last(12, v.Now().In(here.Location())), mostShownScreens)
	if err != nil {
		return nil, err
	}
	p, err := v.plan(ctx)
	if err != nil {
		return nil, err
	}
	var out []web.DoseScreen
	for _, s := range all {
		room := p.ref(p.of(s.Machine))
		if s.Machine == "" {
			room.Name = cmp.Or(s.Manufacturer, "–")
		}
		out = append(out, web.DoseScreen{
			Study: s.Study, SOP: s.SOP, Room: room, Machine: s.Machine, Day: s.Day, Clock: s.Clock, Description: s.Description, Modality: s.Modality,
			At: screenTime(s, here.Location()),
		})
	}
	return out, nil
}

// screenTime is when the study of a screen began.
func screenTime(s dose.Screen, zone *time.Location) time.Time {
	if t, err := time.ParseInLocation("2006-01-02 15:04", s.Day+" "+s.Clock, zone); err == nil {
		return t
	}
	return day(s.Day)
}

// ScreenOf implements web.Screens.
func (v screenView) ScreenOf(ctx context.Context, study, sop string) (web.ScreenForm, error) {
	var out web.ScreenForm
	u, err := uid.Parse(study)
	if err != nil {
		return out, notFound("study")
	}
	if err := may(ctx, access.DoseEnter); err != nil {
		return out, err
	}
	if err := v.mayStudy(ctx, access.ExaminationRead, u); err != nil {
		return out, err
	}
	s, err := v.Archive.Study(ctx, at, u)
	if err != nil {
		return out, err
	}
	image, err := uid.Parse(sop)
	if err != nil {
		return out, notFound("image")
	}
	i, err := v.Archive.Instance(ctx, at, image)
	if err != nil {
		return out, err
	}
	if i.Study != u {
		return out, notFound("image")
	}
	out.Accession, out.Description = s.AccessionNumber.Reveal(), s.Description
	if access.Can(ctx, access.IdentityRead, access.Subject{Site: at, Person: s.Person.Reveal()}) {
		out.PatientID, out.Name = s.PatientID.Reveal(), s.PatientName.Reveal()
	}
	if access.Can(ctx, access.ObjectRead, access.Subject{Site: at, Study: study, Person: s.Person.Reveal()}) {
		out.Object = "/images/objects/" + sop
		out.Picture = dicomwebRoot + "/studies/" + study + "/series/" + i.Series.String() + "/instances/" + sop + "/rendered"
	}
	return out, nil
}
