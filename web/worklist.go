package web

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/web/face"
)

// Worklist knows what was ordered, scheduled and done, and takes orders.
type Worklist interface {
	Worklist(ctx context.Context, q WorklistQuery) (WorklistPage, error)
	// Save keeps an order and returns its id; a RefusalError for one that cannot be.
	Save(ctx context.Context, o OrderForm) (id string, err error)
	// Step says how far a scheduled step is.
	Step(ctx context.Context, order, step, state string) error
	CancelOrder(ctx context.Context, order, reason string) error
	Matcher
}

// A WorklistQuery says what the page is to show.
type WorklistQuery struct {
	Day                     string // 2006-01-02
	Station, Modality, Text string
	State                   string
	Order, Step             string // whose details are shown; "" for none
}

// A WorklistPage is a day of the worklist.
type WorklistPage struct {
	Rooms        []WorklistRoom
	Counts       map[string]int // by state, of the whole day
	Total        int            // of the whole day
	Stations     []face.Choice  // application entity titles that are known
	Modalities   []face.Choice
	Open         *OrderDetail
	Title        string // our application entity title
	Address      string // of our DICOM door
	Ever         bool   // there has been an order
	Unscheduled  int    // performed steps that no scheduled one fits
	Unmatched    int    // studies that belong to no order, or may
	Nameless     bool   // the installation keeps no names, so no orders
	NewStation   string // proposed in the form
	NewModality  string
	MayChange    bool
	Alternatives []string // states the filter offers
}

// A WorklistRoom is a room with what is scheduled there.
type WorklistRoom struct {
	Name    string // "" if nobody knows
	Colour  int
	Entries []WorklistEntry
}

// A WorklistEntry is one scheduled step.
type WorklistEntry struct {
	Order, Step          string
	Clock                string // 15:04
	Patient, PatientID   string
	Birth                string // 2006-01-02
	Procedure, Accession string
	Station, Modality    string
	State                string
	Urgent               bool
	Flags                []string // keys after worklist.flag_
	Study                string   // Study Instance UID if it arrived
	Complete             bool
}

// An OrderDetail is one order with what became of it.
type OrderDetail struct {
	Form      OrderForm
	State     string
	StepState string
	Next      []string // states a person may choose
	Accession string
	Study     string
	Origin    string
	ChangedBy string
	ByKind    string // a key after who., "" for a person
	Changed   time.Time
	Other     []string // other steps of the order, in words
	Cancelled bool
	Life      Life
}

// An OrderForm is what somebody types of an order.
type OrderForm struct {
	ID, Step, Version                                    string
	PatientID, Issuer, Family, Given, Birth, Sex         string
	Weight, Height, Pregnancy, Allergies                 string
	Accession, Description, Reason, Requesting, Priority string
	Station, Modality, Date, Clock, Room, Physician      string
	Contrast, Expected                                   string
}

// fields are the parts of the form by the name of their input.
func (o *OrderForm) fields() map[string]*string {
	return map[string]*string{
		"id": &o.ID, "step": &o.Step, "version": &o.Version, "patient_id": &o.PatientID, "issuer": &o.Issuer, "family": &o.Family,
		"given": &o.Given, "birth": &o.Birth, "sex": &o.Sex, "weight": &o.Weight, "height": &o.Height, "pregnancy": &o.Pregnancy,
		"allergies": &o.Allergies, "accession": &o.Accession, "description": &o.Description, "reason": &o.Reason,
		"requesting": &o.Requesting, "priority": &o.Priority, "station": &o.Station, "modality": &o.Modality, "date": &o.Date,
		"clock": &o.Clock, "room": &o.Room, "physician": &o.Physician, "contrast": &o.Contrast, "expected": &o.Expected,
	}
}

func (s *server) worklistRoutes(g registrar) {
	if s.Worklist == nil {
		return
	}
	g.get("/images/worklist", access.StepFind, s.worklistPage)
	g.post("/images/worklist", access.StepChange, s.worklistSave)
	g.post("/images/worklist/step", access.StepChange, s.worklistStep)
	g.post("/images/worklist/match", access.StepChange, s.worklistMatch)
	g.post("/images/worklist/cancel", access.StepChange, s.worklistCancel)
}

// worklistPage shows a day.
func (s *server) worklistPage(v *visit) error { return v.showWorklist(nil, nil) }

// scheduledDay returns the day the page is about, 2006-01-02.
func (v *visit) scheduledDay() string {
	if d := v.r.URL.Query().Get("day"); d != "" {
		if _, err := time.Parse(time.DateOnly, d); err == nil {
			return d
		}
	}
	return v.now().Format(time.DateOnly)
}

// showWorklist shows the page; form and wrong are a form it has to give back.
func (v *visit) showWorklist(form *OrderForm, wrong map[string]string) error {
	q := v.r.URL.Query()
	ask := WorklistQuery{
		Day: v.scheduledDay(), Station: q.Get("station"), Modality: q.Get("modality"), Text: strings.TrimSpace(q.Get("text")), State: q.Get("state"),
		Order: q.Get("open"), Step: q.Get("step"),
	}
	if form != nil {
		ask.Order, ask.Step = form.ID, form.Step
		if _, err := time.Parse(time.DateOnly, form.Date); err == nil {
			ask.Day = form.Date
		}
	}
	list, err := v.Worklist.Worklist(v.r.Context(), ask)
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.worklist"), lead: v.p.T("worklist.lead"), section: "/images/worklist", actions: worklistDays(v, ask.Day)}
	if wrong != nil {
		pg.status = 400
	}
	if form == nil {
		form = &OrderForm{Date: ask.Day, Clock: v.now().Format("15:04"), Station: list.NewStation, Modality: list.NewModality}
		if list.Open != nil {
			form = &list.Open.Form
		}
	}
	return v.show(pg, worklistBody(v, ask, list, *form, wrong))
}

// worklistSave takes an order.
func (s *server) worklistSave(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	var o OrderForm
	for name, to := range o.fields() {
		*to = strings.TrimSpace(v.r.PostForm.Get(name))
	}
	o.Modality = strings.ToUpper(o.Modality)
	id, err := s.Worklist.Save(v.r.Context(), o)
	if wrong := v.refused(err); wrong != nil {
		return v.showWorklist(&o, wrong)
	}
	if err != nil {
		return err
	}
	return v.back(parseAddress("/images/worklist").with("day", o.Date).with("open", id).String(), "order_saved")
}

// worklistStep takes how far a step is.
func (s *server) worklistStep(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	if err := s.Worklist.Step(v.r.Context(), f.Get("order"), f.Get("step"), f.Get("state")); err != nil {
		return err
	}
	return v.back(f.Get("to"), "step_set")
}

// worklistCancel takes an order off the worklist.
func (s *server) worklistCancel(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	if err := s.Worklist.CancelOrder(v.r.Context(), f.Get("order"), strings.TrimSpace(f.Get("reason"))); err != nil {
		return err
	}
	return v.back(f.Get("to"), "order_cancelled")
}

// beside returns the address of another day, days away.
func (v *visit) beside(day string, days int) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return "/images/worklist"
	}
	return v.here().without("open", "step").with("day", t.AddDate(0, 0, days).Format(time.DateOnly)).String()
}

// dayWords writes a day.
func (v *visit) dayWords(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return v.p.Date(t)
}

// worklistTiles count the day.
func (v *visit) worklistTiles(pg WorklistPage) []face.Tile {
	var all []face.Tile
	for _, s := range []string{"scheduled", "arrived", "in_progress", "completed", "discontinued"} {
		t := face.Tile{Label: v.p.T("worklist.state_" + s), Value: strconv.Itoa(pg.Counts[s]), Href: v.here().without("open", "step").with("state", s).String()}
		if s == "discontinued" && pg.Counts[s] > 0 {
			t.Tone = face.Attention
		}
		all = append(all, t)
	}
	return all
}

// worklistTable lists what is scheduled in a room.
func (v *visit) worklistTable(room WorklistRoom, i int) face.Table {
	name := orElse(room.Name, v.p.T("worklist.no_room"))
	t := face.Table{
		ID: "room-" + strconv.Itoa(i), Caption: name,
		Columns: []face.Column{
			{Label: v.p.T("worklist.time"), Phone: face.Name},
			{Label: v.p.T("worklist.patient"), Phone: face.Beside},
			{Label: v.p.T("worklist.procedure")},
			{Label: v.p.T("worklist.station")},
			{Label: v.p.T("worklist.state"), Phone: face.Drawn},
			{Label: v.p.T("worklist.study")},
		},
	}
	here := v.here()
	for _, e := range room.Entries {
		t.Rows = append(t.Rows, face.Row{
			ID: e.Step, Href: here.with("open", e.Order).with("step", e.Step).String() + "#order", Open: here.query.Get("step") == e.Step,
			Cells: []templ.Component{
				face.Words(e.Clock, ""), face.Words(e.Patient, strings.TrimSpace(e.PatientID+" "+e.Birth)), entryProcedure(v, e),
				face.Words(e.Station, e.Modality), entryState(v, e), entryStudy(v, e),
			},
		})
	}
	return t
}

// keyed are words to choose from, each with a key after the prefix.
func (v *visit) keyed(prefix string, codes ...string) []face.Choice {
	var all []face.Choice
	for _, c := range codes {
		all = append(all, face.Choice{Code: c, Label: v.p.T(prefix + strings.ToLower(c))})
	}
	return all
}
