package main

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
)

// studies registers what programs may ask about studies. Images and their metadata are
// for DICOMweb.
func (d *apiDoor) studies() {
	a, group := studyAPI{studiesView{&view{house: d.house}}}, "Studies"
	operate(d, op{
		act: access.StudyFind, call: "GET /studies", id: "list-studies", group: group, summary: "Studies, the latest first",
		text: "Those that whoever asks may see. Whoever may not see who somebody is gets them without patient and accession number, and may not search by these.",
	}, a.list)
	operate(d, op{act: access.StudyFind, call: "GET /studies/{study}", id: "get-study", group: group, summary: "One study"}, a.get)
	operate(d, op{act: access.StudyFind, call: "GET /studies/{study}/series", id: "list-series", group: group, summary: "Its series, by number"}, a.series)
	operate(d, op{
		act: access.JournalRead, call: "GET /studies/{study}/history", id: "list-study-history", group: group, summary: "What happened to it, the latest first",
		text: "As the journal has it, without what entries say of persons.",
	}, a.history)
}

// studyAPI answers programs about studies.
type studyAPI struct{ studiesView }

// An apiStudy is a study.
type apiStudy struct {
	Study       string           `json:"study_uid"`
	Patient     *apiStudyPatient `json:"patient,omitempty" doc:"left out for those who may not see who somebody is"`
	Accession   string           `json:"accession,omitempty" doc:"left out likewise"`
	Date        string           `json:"date,omitempty" doc:"as the machine wrote it, local: YYYY-MM-DD"`
	Time        string           `json:"time,omitempty" doc:"likewise: HHMMSS"`
	Description string           `json:"description,omitempty"`
	Modalities  []string         `json:"modalities"`
	Series      int64            `json:"series"`
	Instances   int64            `json:"instances"`
	Bytes       int64            `json:"bytes" doc:"that its objects have"`
	Received    time.Time        `json:"received" doc:"its first object"`
	Changed     time.Time        `json:"changed" doc:"its last object"`
	Differ      bool             `json:"patients_differ,omitempty" doc:"its objects name more than one patient"`
}

// An apiStudyPatient is the patient as the objects of a study name them.
type apiStudyPatient struct {
	ID        string `json:"id"`
	Issuer    string `json:"issuer,omitempty"`
	Name      string `json:"name,omitempty" doc:"as in DICOM: family^given^middle^prefix^suffix"`
	BirthDate string `json:"birth_date,omitempty" doc:"YYYY-MM-DD"`
	Sex       string `json:"sex,omitempty" doc:"M, F or O"`
}

func apiStudyOf(s archive.Study) apiStudy {
	out := apiStudy{
		Study: s.UID.String(), Accession: s.AccessionNumber.Reveal(), Date: dashed(s.Date), Time: s.Time, Description: s.Description,
		Modalities: append([]string{}, s.Modalities...), Series: s.SeriesCount, Instances: s.InstanceCount, Bytes: s.SizeBytes,
		Received: s.ReceivedAt.UTC(), Changed: s.UpdatedAt.UTC(), Differ: s.PatientsDiffer,
	}
	p := apiStudyPatient{
		s.PatientID.Reveal(), s.IssuerOfPatientID.Reveal(), s.PatientName.Reveal(), dashed(s.PatientBirthDate.Reveal()), s.PatientSex.Reveal(),
	}
	if p.ID != "" || p.Name != "" {
		out.Patient = &p
	}
	return out
}

type listStudies struct {
	Paging
	From      string `query:"from" format:"date" doc:"first day of the study"`
	Until     string `query:"until" format:"date" doc:"last day"`
	Modality  string `query:"modality" maxLength:"16" doc:"of one of its series"`
	Patient   string `query:"patient_name" maxLength:"200" doc:"begins with this, whatever the case and accents"`
	PatientID string `query:"patient_id" maxLength:"64"`
	Accession string `query:"accession" maxLength:"64"`
}

func (a studyAPI) list(ctx context.Context, in *listStudies) (*apiPage[apiStudy], error) {
	reach, err := access.ReachOf(ctx, access.ObjectRead, at)
	if err != nil {
		return nil, err
	}
	place, err := in.place()
	if err != nil {
		return nil, err
	}
	from, err := archive.ParseCursor(place)
	if err != nil {
		return nil, err
	}
	all, err := a.Archive.Studies(ctx, at, archive.Filter{
		Reach: reach, PatientName: in.Patient, PatientID: in.PatientID, AccessionNumber: in.Accession, Modality: in.Modality,
		DateFrom: strings.ReplaceAll(in.From, "-", ""), DateTo: strings.ReplaceAll(in.Until, "-", ""),
	}, from, in.Limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(all) > in.Limit {
		all = all[:in.Limit]
		next = all[in.Limit-1].Next().String()
	}
	seen, err := a.look(ctx, at, reach, askedBy("PatientName", in.Patient, "PatientID", in.PatientID, "AccessionNumber", in.Accession,
		"Modality", in.Modality, "StudyDate", in.From+in.Until)...)
	if err == nil {
		err = seen.seeAll(all)
	}
	if err != nil {
		return nil, err
	}
	items := make([]apiStudy, len(all))
	for i, s := range all {
		items[i] = apiStudyOf(s)
	}
	return apiPageOf(ctx, items, next), nil
}

// OneStudy names a study in an address.
type OneStudy struct {
	Study string `path:"study" maxLength:"64" doc:"Study Instance UID"`
}

type studyAnswer struct{ Body apiStudy }

func (a studyAPI) get(ctx context.Context, in *OneStudy) (*studyAnswer, error) {
	s, err := a.study(ctx, in.Study)
	return &studyAnswer{apiStudyOf(s)}, err
}

// An apiSeries is a series.
type apiSeries struct {
	Series      string    `json:"series_uid"`
	Number      *int64    `json:"number,omitempty"`
	Modality    string    `json:"modality"`
	Description string    `json:"description,omitempty"`
	BodyPart    string    `json:"body_part,omitempty"`
	Protocol    string    `json:"protocol,omitempty"`
	Machine     string    `json:"machine,omitempty" doc:"id, as in GET /rooms"`
	Instances   int64     `json:"instances"`
	Bytes       int64     `json:"bytes"`
	Changed     time.Time `json:"changed" doc:"its last object"`
}

type listSeries struct {
	OneStudy
	Paging
}

func (a studyAPI) series(ctx context.Context, in *listSeries) (*apiPage[apiSeries], error) {
	s, err := a.study(ctx, in.Study)
	if err != nil {
		return nil, err
	}
	all, err := a.Archive.SeriesOf(ctx, at, s.UID)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(s archive.Series) string { return s.UID.String() }, func(s archive.Series) apiSeries {
		return apiSeries{s.UID.String(), s.Number, s.Modality, s.Description, s.BodyPart, s.ProtocolName, s.Machine, s.InstanceCount, s.SizeBytes, s.UpdatedAt.UTC()}
	})
}

func (a studyAPI) history(ctx context.Context, in *listSeries) (*apiPage[apiEntry], error) {
	u, err := uid.Parse(in.Study)
	if err != nil {
		return nil, notFound("study")
	}
	if _, err := a.Archive.Study(ctx, at, u); err != nil {
		return nil, err
	}
	return a.entries(ctx, in.Paging, journal.Filter{Site: at, Subject: u.String()})
}

// An apiEntry is an entry of the journal.
type apiEntry struct {
	Number int64           `json:"number" doc:"its place in the journal"`
	At     time.Time       `json:"at"`
	Kind   string          `json:"kind" doc:"room.noun.verb"`
	Actor  string          `json:"actor" doc:"account, ae:TITLE or system:NAME"`
	About  string          `json:"about,omitempty" doc:"a UID or an id"`
	Person string          `json:"person_key,omitempty" doc:"stands for the person it is about, and says nothing of them"`
	Erased bool            `json:"erased,omitempty" doc:"it said something of a person who was erased"`
	Data   json.RawMessage `json:"data,omitempty" doc:"what else the kind says; of persons nothing"`
}

// entries answers with a page of the journal, the latest first.
func (h *house) entries(ctx context.Context, p Paging, f journal.Filter) (*apiPage[apiEntry], error) {
	place, err := p.place()
	if err != nil {
		return nil, err
	}
	if place != "" {
		if f.Before, err = strconv.ParseInt(place, 10, 64); err != nil || f.Before < 1 {
			return nil, fault.Errorf(fault.Invalid, "the cursor is not one of this list")
		}
	}
	f.Newest, f.Limit = true, p.Limit+1
	var items []apiEntry
	next := ""
	for e, err := range h.Journal.Find(ctx, f) {
		if err != nil {
			return nil, err
		}
		if len(items) == p.Limit {
			next = strconv.FormatInt(items[p.Limit-1].Number, 10)
			break
		}
		items = append(items, apiEntry{e.Seq, e.At.UTC(), e.Kind, e.Actor, e.Subject, e.PersonKey, e.Erased, slices.Clone(e.Data)})
	}
	return apiPageOf(ctx, items, next), nil
}
