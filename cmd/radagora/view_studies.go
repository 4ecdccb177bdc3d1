package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
	"radagora/web"
	"radagora/web/face"
)

// A studiesView shows the studies that are kept.
type studiesView struct{ *view }

// How many studies and instances one page lists, and how much of a history.
const (
	studiesPageSize   = 50
	instancesPageSize = 120
	historySize       = 30
	mostFound         = 200 // by a search, before the filter
)

// Studies implements web.Studies.
func (v studiesView) Studies(ctx context.Context, q web.StudyQuery) (web.StudyList, error) {
	reach, err := access.ReachOf(ctx, access.ObjectRead, at)
	if err != nil {
		return web.StudyList{}, err
	}
	list := web.StudyList{Nameless: !reach.Identity}
	modalities, err := v.Archive.Modalities(ctx, at)
	if err != nil {
		return list, err
	}
	list.Held = len(modalities) > 0
	for _, m := range modalities {
		list.Modalities = append(list.Modalities, face.Choice{Code: m, Label: m})
	}
	seen, err := v.look(ctx, at, reach, askedBy("text", q.Text, "PatientName", q.Patient, "PatientID", q.ID, "AccessionNumber", q.Accession,
		"Modality", q.Modality, "StudyDate", q.From+q.Until)...)
	if err != nil {
		return list, err
	}
	if q.Text != "" {
		return list, v.search(ctx, reach, q, &list, seen)
	}
	from, err := archive.ParseCursor(q.After)
	if err != nil {
		return list, err
	}
	studies, err := v.Archive.Studies(ctx, at, studyFilter(q, reach), from, studiesPageSize+1)
	if err != nil {
		return list, err
	}
	if len(studies) > studiesPageSize {
		studies = studies[:studiesPageSize]
		list.Next = studies[studiesPageSize-1].Next().String()
	}
	if err := seen.seeAll(studies); err != nil {
		return list, err
	}
	for _, s := range studies {
		list.Studies = append(list.Studies, studyRow(s))
	}
	return list, nil
}

// studyFilter returns what the archive is asked for.
func studyFilter(q web.StudyQuery, reach access.Reach) archive.Filter {
	return archive.Filter{
		Reach: reach, PatientName: q.Patient, PatientID: q.ID, AccessionNumber: q.Accession, Modality: q.Modality,
		DateFrom: strings.ReplaceAll(q.From, "-", ""), DateTo: strings.ReplaceAll(q.Until, "-", ""),
	}
}

// search fills list with the studies that fit what somebody typed, and the filter.
func (v studiesView) search(ctx context.Context, reach access.Reach, q web.StudyQuery, list *web.StudyList, seen *lookup) error {
	found, err := v.Archive.Search(ctx, at, reach, q.Text, mostFound)
	for _, m := range found {
		row := studyRow(m.Study)
		if slices.ContainsFunc(m.Why, func(w archive.Why) bool { return w.How == archive.Similar }) {
			row.Why = "similar"
		}
		if fits(q, m.Study, row) && len(list.Studies) < studiesPageSize {
			if err := seen.see(m.Study.Person.Reveal()); err != nil {
				return err
			}
			list.Studies = append(list.Studies, row)
		}
	}
	return err
}

// fits reports whether a study that was found is what the filter asks for as well.
func fits(q web.StudyQuery, s archive.Study, row web.StudyRow) bool {
	day := func(text string) string { return strings.ReplaceAll(text, "-", "") }
	wanted, _ := archive.FoldName(q.Patient)
	name, _ := archive.FoldName(s.PatientName.Reveal())
	return (q.Modality == "" || slices.Contains(s.Modalities, q.Modality)) &&
		(q.From == "" || s.Date >= day(q.From)) && (q.Until == "" || s.Date != "" && s.Date <= day(q.Until)) &&
		(q.ID == "" || row.ID == q.ID) && (q.Accession == "" || row.Accession == q.Accession) && strings.HasPrefix(name, wanted)
}

// studyRow is a study as pages show it.
func studyRow(s archive.Study) web.StudyRow {
	return web.StudyRow{
		UID: s.UID.String(), Patient: readable(s.PatientName.Reveal()), ID: s.PatientID.Reveal(), Issuer: s.IssuerOfPatientID.Reveal(),
		Born: s.PatientBirthDate.Reveal(), Sex: s.PatientSex.Reveal(), Date: s.Date, Time: s.Time,
		Description: s.Description, Accession: s.AccessionNumber.Reveal(), Modalities: s.Modalities,
		Series: s.SeriesCount, Instances: s.InstanceCount, Bytes: s.SizeBytes,
		Arrived: s.ReceivedAt, Changed: s.UpdatedAt, Differ: s.PatientsDiffer,
	}
}

// readable is a person name as people write it: family name first, the component
// groups beside one another (PS3.5 6.2.1).
func readable(pn string) string {
	var all []string
	for group := range strings.SplitSeq(pn, "=") {
		part := strings.Split(group, "^")
		var given []string
		for _, i := range []int{3, 1, 2, 4} { // prefix, given, middle, suffix
			if i < len(part) && strings.TrimSpace(part[i]) != "" {
				given = append(given, strings.TrimSpace(part[i]))
			}
		}
		name := strings.TrimSpace(part[0])
		if len(given) > 0 {
			name = strings.TrimPrefix(name+", "+strings.Join(given, " "), ", ")
		}
		if name != "" {
			all = append(all, isolated(name))
		}
	}
	return strings.Join(all, " · ")
}

// isolated keeps what is written from right to left from turning what stands beside it, a
// date or a number, round (Unicode TR 9, 2.4.2).
func isolated(s string) string {
	const begin, end = "\u2068", "\u2069" // first strong isolate, pop directional isolate
	if !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko)
	}) {
		return s
	}
	return begin + s + end
}

// study returns a study for somebody who may see it.
func (v studiesView) study(ctx context.Context, name string) (archive.Study, error) {
	u, err := uid.Parse(name)
	if err != nil {
		return archive.Study{}, notFound("study")
	}
	if err := v.mayStudy(ctx, access.ObjectRead, u); err != nil {
		return archive.Study{}, err
	}
	s, err := v.Archive.Study(ctx, at, u)
	if err != nil {
		return s, err
	}
	if !access.Can(ctx, access.IdentityRead, access.Subject{Site: at, Person: s.Person.Reveal(), Study: name}) {
		s.PatientID, s.IssuerOfPatientID, s.PatientName, s.PatientBirthDate = archive.Personal{}, archive.Personal{}, archive.Personal{}, archive.Personal{}
		s.AccessionNumber = archive.Personal{}
	}
	return s, nil
}

// Study implements web.Studies.
func (v studiesView) Study(ctx context.Context, name string) (web.StudyPage, error) {
	s, err := v.study(ctx, name)
	if err != nil {
		return web.StudyPage{}, err
	}
	page := web.StudyPage{Row: studyRow(s), Referring: readable(s.ReferringPhysician.Reveal()), StudyID: s.StudyID}
	if access.Can(ctx, access.ObjectSend, access.Subject{Site: at, Person: s.Person.Reveal(), Study: name}) {
		page.Actions = append(page.Actions, web.StudyAction{Label: "send.title", Path: "/images/studies/" + name + "/send"})
	}
	if len(v.viewersOf()) > 0 {
		page.Actions = append(page.Actions, web.StudyAction{Label: "open.title", Path: "/images/studies/" + name + "/open"})
	}
	if apps, err := v.Tokens.Launchable(ctx, at); err != nil {
		return page, err
	} else if len(apps) > 0 && !v.settings.NoAuth {
		page.Actions = append(page.Actions, web.StudyAction{Label: "apps.open_in", Path: "/images/studies/" + name + "/apps"})
	}
	page.Archive = "/images/studies/" + name + "/medium"
	page.GraceDays = v.settings.TrashDays
	subject := access.Subject{Site: at, Person: s.Person.Reveal(), Study: name}
	if access.Can(ctx, access.StudyExplain, subject) {
		page.Actions = append(page.Actions, web.StudyAction{Label: "rights.who", Path: "/access/study?uid=" + name})
	}
	if access.Can(ctx, access.LinkChange, subject) {
		page.Actions = append(page.Actions, web.StudyAction{Label: "study.reconcile", Path: "/images/reconcile/" + name})
	}
	if access.Can(ctx, access.ObjectDelete, subject) {
		page.Actions = append(page.Actions, web.StudyAction{Label: "delete.title", Path: "/images/studies/" + name + "/delete"})
	}
	rooms, err := v.plan(ctx)
	if err != nil {
		return page, err
	}
	series, err := v.Archive.SeriesOf(ctx, at, s.UID)
	if err != nil {
		return page, err
	}
	for _, one := range series {
		page.Series = append(page.Series, studySeries(s.UID, one, rooms))
		page.Pictured = page.Pictured || pictured(one.Modality)
	}
	doors, err := v.Archive.Doors(ctx, at, s.UID)
	if err != nil {
		return page, err
	}
	for _, d := range doors {
		page.Doors = append(page.Doors, web.StudyDoor{Door: d.Door, From: d.CallingAE, Instances: d.Instances})
	}
	if err := v.lifeOf(ctx, s, &page); err != nil {
		return page, err
	}
	return page, v.history(ctx, s, &page)
}

// lifeOf shows the way from the order to the report to those who may see the worklist.
func (v studiesView) lifeOf(ctx context.Context, s archive.Study, page *web.StudyPage) error {
	if !access.Can(ctx, access.StepFind, access.Subject{Site: at}) || v.Worklist.Nameless {
		return nil
	}
	l, err := v.Worklist.LifeOfStudy(ctx, at, s.UID.String(), s.AccessionNumber.Reveal())
	if err != nil {
		return err
	}
	for _, o := range l.Orders {
		if o.Person == "" {
			continue
		}
		if err := v.noteRead(ctx, access.StepFind, access.Subject{Site: at, Person: o.Person}); err != nil {
			return err
		}
	}
	zone, key := v.zone(ctx), s.Person.Reveal()
	when, err := time.ParseInLocation("20060102", s.Date, zone)
	if err != nil {
		when = s.ReceivedAt
	} else {
		when = when.Add(12 * time.Hour)
	}
	shown, err := v.wholeLife(ctx, l, s.UID.String(), key, when)
	page.Life = &shown
	return err
}

// studySeries is a series as pages show it.
func studySeries(study uid.UID, s archive.Series, rooms plan) web.StudySeries {
	out := web.StudySeries{
		UID: s.UID.String(), Modality: s.Modality, Description: s.Description, BodyPart: s.BodyPart, Protocol: s.ProtocolName,
		Instances: s.InstanceCount,
	}
	if s.Number != nil {
		out.Number = strconv.FormatInt(*s.Number, 10)
	}
	if room := rooms.of(s.Machine); room != s.Machine {
		out.Room = rooms.ref(room).Name
	}
	if pictured(s.Modality) {
		out.Preview = fmt.Sprintf("/dicom-web/studies/%s/series/%s/thumbnail?viewport=96,96&instead=picture", study, s.UID)
	}
	return out
}

// pictured reports whether series of a modality hold something to be drawn.
func pictured(modality string) bool {
	switch modality {
	case "SR", "PR", "KO", "DOC", "AU", "ECG", "HD", "EPS", "RESP", "EEG", "EMG", "EOG", "REG", "FID", "RTPLAN", "RTSTRUCT", "RTRECORD", "SEG", "PLAN", "SMR", "VA":
		return false
	}
	return true
}

// history shows what happened to a study to those who may read the journal.
func (v studiesView) history(ctx context.Context, s archive.Study, page *web.StudyPage) error {
	if !access.Can(ctx, access.JournalRead, access.Subject{Site: at}) {
		return nil
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return err
	}
	for e, err := range v.Journal.Find(ctx, journal.Filter{Site: at, Subject: s.UID.String(), Newest: true, Limit: historySize}) {
		if err != nil {
			return err
		}
		entry := entryOf(e, names)
		if entry.Name == "" {
			entry.Name = e.Actor
		}
		page.History = append(page.History, entry)
	}
	return nil
}

// Series implements web.Studies.
func (v studiesView) Series(ctx context.Context, study, series, after string) (web.SeriesPage, error) {
	s, err := v.study(ctx, study)
	if err != nil {
		return web.SeriesPage{}, err
	}
	u, err := uid.Parse(series)
	if err != nil {
		return web.SeriesPage{}, notFound("series")
	}
	all, err := v.Archive.SeriesOf(ctx, at, s.UID)
	if err != nil {
		return web.SeriesPage{}, err
	}
	rooms, err := v.plan(ctx)
	if err != nil {
		return web.SeriesPage{}, err
	}
	page, found := web.SeriesPage{Study: studyRow(s)}, false
	for _, one := range all {
		if one.UID == u {
			page.Series, found = studySeries(s.UID, one, rooms), true
		}
	}
	if !found {
		return page, notFound("series")
	}
	return page, v.instances(ctx, s.UID, u, after, &page)
}

// instances lists instances of a series behind one of them.
func (v studiesView) instances(ctx context.Context, study, series uid.UID, after string, page *web.SeriesPage) error {
	var behind *archive.Instance
	if after != "" {
		sop, err := uid.Parse(after)
		if err != nil {
			return fault.Errorf(fault.Invalid, "not a place in the list of instances")
		}
		i, err := v.Archive.Instance(ctx, at, sop)
		if err != nil {
			return err
		}
		behind = &i
	}
	list, err := v.Archive.Instances(ctx, at, study, series, behind, instancesPageSize+1)
	if err != nil {
		return err
	}
	if len(list) > instancesPageSize {
		list = list[:instancesPageSize]
		page.Next = list[instancesPageSize-1].SOP.String()
	}
	for _, i := range list {
		one := web.SeriesInstance{UID: i.SOP.String(), Class: strings.TrimSuffix(uid.Name(i.SOPClass), " Storage")}
		if i.Number != nil {
			one.Number = strconv.FormatInt(*i.Number, 10)
		}
		if i.Frames != nil {
			one.Frames = *i.Frames
		}
		if page.Series.Preview != "" {
			if one.Blind, err = v.blind(ctx, i); err != nil {
				return err
			}
			one.Preview = fmt.Sprintf("/dicom-web/studies/%s/series/%s/instances/%s/thumbnail?viewport=96,96&instead=picture", study, series, i.SOP)
		}
		page.Instances = append(page.Instances, one)
	}
	return nil
}
