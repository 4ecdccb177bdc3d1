package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/fault"
)

// doses registers what programs may ask about doses.
func (d *apiDoor) doses() {
	a, group := doseAPI{d.house}, "Dose"
	operate(d, op{
		act: access.AggregateRead, call: "GET /dose/comparisons", id: "list-dose-comparisons", group: group,
		summary: "Typical values beside their reference levels",
		text: "For each room, examination, indication and size the median of a period with its interval, and the level that governs it with its source. " +
			"Without a period it is the last twelve months.",
	}, a.comparisons)
	operate(d, op{
		act: access.ExaminationRead, call: "GET /dose/examinations", id: "list-dose-examinations", group: group, summary: "Examinations with their doses, the latest first",
		text: "Those that whoever asks may see, without who the patient is.",
	}, a.list)
	operate(d, op{
		act: access.StudyFind, call: "GET /dose/examinations/{id}", id: "get-dose-examination", group: group,
		summary: "One examination with every irradiation event, and where each value stands",
	}, a.get)
}

// doseAPI answers programs about doses.
type doseAPI struct{ *house }

// An apiStatistic is the typical value of a group.
type apiStatistic struct {
	N        int          `json:"n" doc:"values it rests on"`
	Median   float64      `json:"median"`
	Q1       float64      `json:"q1" doc:"lower quartile"`
	Q3       float64      `json:"q3" doc:"upper quartile"`
	Interval *apiInterval `json:"interval,omitempty" doc:"of the median; left out if there are too few values"`
}

// An apiInterval is an interval of a statistic.
type apiInterval struct {
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Coverage float64 `json:"coverage" doc:"how likely it holds the true value, 0 to 1"`
}

// An apiLevel is a reference level.
type apiLevel struct {
	Value      float64 `json:"value"`
	Unit       string  `json:"unit" doc:"UCUM"`
	Set        string  `json:"set" doc:"id of the content set"`
	Edition    string  `json:"edition"`
	Country    string  `json:"country,omitempty"`
	Statistic  string  `json:"statistic,omitempty" doc:"what the level is, such as the 75th percentile of medians"`
	Indication string  `json:"indication,omitempty" doc:"code; left out if the set names none"`
	MinN       int     `json:"min_n,omitempty" doc:"how many examinations it wants to be compared with"`
	From       string  `json:"from,omitempty" doc:"valid from"`
	Until      string  `json:"until,omitempty" doc:"valid until"`
	Checked    bool    `json:"checked" doc:"somebody compared it with its source"`
	Source     string  `json:"source" doc:"document, table, row"`
}

// An apiComparison is a typical value beside its reference.
type apiComparison struct {
	ID         string        `json:"id"`
	From       string        `json:"from" doc:"first day of the period"`
	Until      string        `json:"until" doc:"last day"`
	Room       string        `json:"room" doc:"id, as in GET /rooms"`
	Exam       string        `json:"examination" doc:"code"`
	Indication string        `json:"indication,omitempty" doc:"code"`
	KnownBy    dose.KnownBy  `json:"known_by" enum:"order,protocol,assumed" doc:"how the indication is known"`
	Group      string        `json:"group" doc:"size or age, as the set names it"`
	Quantity   dose.Measure  `json:"quantity" enum:"ctdivol,dlp,dap,rp,esd,agd,fluoro_time,images,activity,activity_per_kg"`
	Unit       string        `json:"unit" doc:"UCUM, of every number of the statistic"`
	Basis      dose.Basis    `json:"basis" enum:"reported,corrected" doc:"which numbers: as reported, or corrected by calibrations"`
	Typical    apiStatistic  `json:"typical"`
	Level      *apiLevel     `json:"level,omitempty" doc:"the one that governs; left out: there is none"`
	Others     []apiLevel    `json:"other_levels" doc:"beside it, for information"`
	State      dose.State    `json:"state" enum:"no_level,not_compared,too_few,at_or_below,above_not_certain,above_certain"`
	Ratio      float64       `json:"ratio,omitempty" doc:"median over level"`
	Wanted     int           `json:"wanted,omitempty" doc:"how many examinations were needed"`
	Notes      []dose.Note   `json:"notes"`
	Left       []apiExcluded `json:"left_out" doc:"examinations that count in no median"`
	Unsized    int           `json:"size_unknown,omitempty" doc:"adults of unknown weight among those that count"`
}

// apiExcluded are examinations that were left out for a reason.
type apiExcluded struct {
	Reason string `json:"reason" doc:"code"`
	N      int    `json:"n"`
}

func apiLevelOf(l *dose.Level) apiLevel {
	return apiLevel{
		l.Value, l.Unit, l.Set.ID, l.Set.Edition, l.Country, l.Statistic, l.Indicated, l.MinN, l.Valid.From.First(), l.Valid.To.Last(), l.Checked, l.Source,
	}
}

func apiComparisonOf(p dose.Period, r *dose.Row) apiComparison {
	out := apiComparison{
		ID: rowID(r), From: p.From, Until: p.To, Room: r.Room, Exam: r.Exam, Indication: r.Indication, KnownBy: r.KnownBy, Group: r.Group.Name,
		Quantity: r.Measure, Unit: r.Unit, Basis: r.Basis, Typical: apiStatistic{N: r.N, Median: r.Median, Q1: r.Q1, Q3: r.Q3}, Others: []apiLevel{},
		State: r.State, Ratio: r.Ratio, Wanted: r.Wanted, Notes: append([]dose.Note{}, r.Notes...), Left: []apiExcluded{}, Unsized: r.SizeUnknown,
	}
	if r.Interval {
		out.Typical.Interval = &apiInterval{r.Low, r.High, r.Coverage}
	}
	if r.Governing != nil {
		l := apiLevelOf(r.Governing)
		out.Level = &l
	}
	for _, t := range r.Ticks {
		out.Others = append(out.Others, apiLevelOf(t))
	}
	for _, reason := range slices.Sorted(keys(r.Left)) {
		out.Left = append(out.Left, apiExcluded{reason, r.Left[reason]})
	}
	return out
}

// Days bound a period; both are included.
type Days struct {
	From  string `query:"from" format:"date" doc:"first day, at the site"`
	Until string `query:"until" format:"date" doc:"last day"`
}

type listComparisons struct {
	Paging
	Days
	Room string `query:"room" maxLength:"36" doc:"id"`
	Exam string `query:"examination" maxLength:"64" doc:"code"`
	Of   string `query:"modality" maxLength:"16" doc:"CT, RF, DX, MG or NM; without it CT"`
}

func (a doseAPI) comparisons(ctx context.Context, in *listComparisons) (*apiPage[apiComparison], error) {
	here, err := a.Sites.Site(ctx, at)
	if err != nil {
		return nil, err
	}
	p := dose.Last(12, a.Now().In(here.Location()))
	switch {
	case in.From != "" && in.Until != "":
		p = dose.Period{From: in.From, To: in.Until}
	case in.From != "" || in.Until != "":
		return nil, fault.Errorf(fault.Invalid, "a period has a first and a last day: from and until")
	}
	rooms, err := a.roomsOf(ctx, at)
	if err != nil {
		return nil, err
	}
	o, err := a.Dose.OverviewOf(ctx, at, modalityOf(in.Of), p, rooms, access.From(ctx).For(at))
	if err != nil {
		return nil, err
	}
	var all []*dose.Row
	for _, r := range o.Rows {
		if (in.Room == "" || in.Room == r.Room) && (in.Exam == "" || in.Exam == r.Exam) {
			all = append(all, r)
		}
	}
	return pageWithin(ctx, in.Paging, all, rowID, func(r *dose.Row) apiComparison { return apiComparisonOf(dose.Period{From: o.From, To: o.To}, r) })
}

// An Examination is an examination with its doses.
type Examination struct {
	ID         string       `json:"id"`
	Study      string       `json:"study_uid"`
	Started    string       `json:"started" doc:"local time at the site, or the day"`
	Machine    string       `json:"machine,omitempty" doc:"id, as in GET /rooms"`
	Exam       string       `json:"examination,omitempty" doc:"code; left out while nobody said what its name means"`
	Indication string       `json:"indication,omitempty" doc:"code"`
	KnownBy    dose.KnownBy `json:"known_by,omitempty" enum:"order,protocol,assumed" doc:"how the indication is known"`
	AssignedBy string       `json:"assigned_by,omitempty" doc:"how the events were found to be one examination"`
	Name       string       `json:"name,omitempty" doc:"the most telling local name"`
	Age        *int64       `json:"age_months,omitempty"`
	Weight     *float64     `json:"weight_kg,omitempty"`
	Events     int          `json:"events" doc:"irradiation events"`
	DLP        *float64     `json:"dlp_mgycm,omitempty"`
	CTDIvol    []float64    `json:"ctdivol_mgy" doc:"of the diagnostic sequences"`
	Left       string       `json:"left_out,omitempty" doc:"code of why it counts in no median"`
	From       string       `json:"weight_source,omitempty" doc:"hl7, fhir, csv, person, or dicom for a report or header"`
	Measured   *time.Time   `json:"weight_measured,omitempty" doc:"when it was measured; left out where nobody says"`
}

// weighed returns when the weight of an examination was measured, nil if nobody says.
func weighed(i *dose.Item) *time.Time {
	if i.WeightFrom.At == nil || i.WeightFrom.Source == dose.SizeFromReport {
		return nil
	}
	return timeOrNone(time.UnixMilli(*i.WeightFrom.At))
}

func apiExaminationOf(i *dose.Item) Examination {
	started := i.Started
	if started == "" {
		started = i.Day
	}
	return Examination{
		i.ID(), i.Study, started, i.Machine, i.Exam, i.Indication, i.KnownBy, i.AssignedBy, i.Name, i.AgeMonths, i.Weight, i.Events, i.DLP,
		append([]float64{}, i.CTDIvol...), i.Excluded, i.WeightFrom.Source, weighed(i),
	}
}

type listExaminations struct {
	Paging
	Days
	Modality string `query:"modality" maxLength:"16"`
}

func (a doseAPI) list(ctx context.Context, in *listExaminations) (*apiPage[Examination], error) {
	reach, err := access.ReachOf(ctx, access.ExaminationRead, at)
	if err != nil {
		return nil, err
	}
	place, err := in.place()
	if err != nil {
		return nil, err
	}
	from := dose.Cursor{}
	if place != "" {
		part := strings.Split(place, " ")
		if len(part) != 4 {
			return nil, fault.Errorf(fault.Invalid, "the cursor is not one of this list")
		}
		from = (&dose.Item{Day: part[0], Started: part[1], Study: part[2], Key: part[3]}).Next()
	}
	all, err := a.Dose.Select(ctx, at, dose.Selection{
		Period: dose.Period{From: in.From, To: in.Until}, Modality: in.Modality, Reach: reach, Purpose: access.From(ctx).For(at),
	}, from, in.Limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(all) > in.Limit {
		all = all[:in.Limit]
		last := all[in.Limit-1]
		next = strings.Join([]string{last.Day, last.Started, last.Study, last.Key}, " ")
	}
	items := make([]Examination, len(all))
	for i, s := range all {
		items[i] = apiExaminationOf(s.Item)
	}
	return apiPageOf(ctx, items, next), nil
}

// An apiWholeExamination is an examination with its events.
type apiWholeExamination struct {
	Examination
	Declared string      `json:"dlp_declared_mgycm,omitempty" doc:"total that the report of the study states"`
	Reports  []apiReport `json:"reports" doc:"of the study"`
	Amounts  []apiAmount `json:"amounts" doc:"what it comes to in each quantity, of every modality"`
	Measured []apiEvent  `json:"irradiation_events"`
	Estimated
}

// An apiAmount is what an examination comes to in one quantity.
type apiAmount struct {
	Quantity dose.Quantity `json:"quantity"`
	Value    float64       `json:"value"`
	Unit     string        `json:"unit" doc:"UCUM"`
	Declared *float64      `json:"declared,omitempty" doc:"as the reports state it"`
	Summed   *float64      `json:"summed,omitempty" doc:"over its irradiation events, if all of them tell it"`
	Events   int           `json:"events" doc:"irradiation events that told it"`
	Class    dose.Class    `json:"class" doc:"of the lowest rank among what told it: report, image, mpps, ocr, manual, imported"`
	Method   string        `json:"method" doc:"how it was made: summed, declared, highest, mean, counted, divided"`
	Basis    string        `json:"basis" doc:"reported, or corrected by a calibration"`
}

// An apiReport is a dose report.
type apiReport struct {
	Instance string `json:"instance_uid"`
	Kind     string `json:"kind,omitempty"`
	Counted  bool   `json:"counted" doc:"false: another report has its events too"`
	Problem  string `json:"problem,omitempty" doc:"why it could not be read"`
}

// An apiEvent is an irradiation event.
type apiEvent struct {
	Event    string     `json:"event_uid,omitempty"`
	Started  string     `json:"started,omitempty" doc:"local time"`
	Type     string     `json:"type,omitempty" doc:"code"`
	Protocol string     `json:"protocol,omitempty"`
	Instance string     `json:"instance_uid" doc:"of the report it stands in"`
	Values   []apiValue `json:"values"`
}

// An apiValue is a value as it was measured, with its place.
type apiValue struct {
	Field   dose.Field `json:"field"`
	Value   any        `json:"value,omitempty" doc:"a number in unit, or a word"`
	Unit    string     `json:"unit,omitempty" doc:"UCUM"`
	Raw     string     `json:"raw,omitempty" doc:"as it was written"`
	RawUnit string     `json:"raw_unit,omitempty"`
	Path    string     `json:"path" doc:"place in the report"`
	Flags   []string   `json:"flags" doc:"what was odd"`
}

// OneExamination names an examination in an address.
type OneExamination struct {
	ID       string `path:"id" maxLength:"80"`
	Language string `query:"language" maxLength:"16" doc:"of the sentence, as BCP 47; left out: English"`
}

type examinationAnswer struct{ Body apiWholeExamination }

func (a doseAPI) get(ctx context.Context, in *OneExamination) (*examinationAnswer, error) {
	study, key, _ := strings.Cut(in.ID, "_")
	u, err := uid.Parse(study)
	if err != nil {
		return nil, notFound("examination")
	}
	if err := a.mayStudy(ctx, access.ExaminationRead, u); err != nil {
		return nil, err
	}
	s, err := a.Dose.Study(ctx, at, study)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.Items, func(i *dose.Item) bool { return i.Key == key })
	if i < 0 {
		return nil, notFound("examination")
	}
	out := apiWholeExamination{Examination: apiExaminationOf(s.Items[i]), Reports: []apiReport{}, Amounts: []apiAmount{}, Measured: []apiEvent{}}
	if len(s.Items) == 1 {
		out.Declared = value(s.DLPDeclared)
	}
	for _, x := range s.Amounts {
		if x.Ordinal == 0 && x.Examination == key {
			out.Amounts = append(out.Amounts, apiAmount{x.Quantity, x.Value, x.Unit, x.Declared, x.Summed, x.Events, x.Class, x.Method, x.Basis})
		}
	}
	for _, r := range s.Reports {
		out.Reports = append(out.Reports, apiReport{r.SOPInstance, r.Kind, r.Counted, r.Problem})
	}
	for _, e := range s.Events {
		if e.Examination == key {
			out.Measured = append(out.Measured, apiEventOf(e))
		}
	}
	out.Estimated, err = a.estimated(s, s.Items[i], in.Language)
	return &examinationAnswer{out}, err
}

func apiEventOf(e dose.StoredEvent) apiEvent {
	out := apiEvent{value(e.UID), value(e.Started), value(e.Type), value(e.Protocol), e.SOPInstance, []apiValue{}}
	for _, v := range e.Values {
		out.Values = append(out.Values, apiValue{v.Field, v.Value, value(v.Unit), value(v.Raw), value(v.RawUnit), v.Path, append([]string{}, v.Flags...)})
	}
	return out
}
