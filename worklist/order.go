package worklist

import (
	"slices"
	"strings"
	"time"
)

// A Code is a coded concept (PS3.3 8.8).
type Code struct {
	Value   string `json:"value"`
	Scheme  string `json:"scheme"`
	Version string `json:"version,omitempty"`
	Meaning string `json:"meaning"`
	System  string `json:"system,omitempty"` // URI by which FHIR knows the scheme, where the scheme does not say it
}

// Pregnancy is what is known of it when the order is written (PS3.3 C.2.3).
type Pregnancy string

// What may be known of a pregnancy. The zero value says nothing.
const (
	NotPregnant       Pregnancy = "no"
	PossiblyPregnant  Pregnancy = "possible"
	Pregnant          Pregnancy = "yes"
	PregnancyUnknown  Pregnancy = "unknown"
	pregnancyNotAsked Pregnancy = ""
)

// pregnancies gives the values of Pregnancy Status (0010,21C0), PS3.3 C.2.3.
var pregnancies = map[Pregnancy]int64{NotPregnant: 1, PossiblyPregnant: 2, Pregnant: 3, PregnancyUnknown: 4}

// A Patient is whom an order is about, as whoever ordered knows them.
type Patient struct {
	ID              string    `json:"id"`
	Issuer          string    `json:"issuer,omitempty"`
	Name            string    `json:"name"`                 // as in DICOM: family^given^middle^prefix^suffix
	BirthDate       string    `json:"birth_date,omitempty"` // 2006-01-02
	Sex             string    `json:"sex,omitempty"`        // M, F or O
	WeightKG        float64   `json:"weight_kg,omitempty"`  // 0: not known
	HeightM         float64   `json:"height_m,omitempty"`   // 0: not known
	Pregnancy       Pregnancy `json:"pregnancy,omitempty"`
	Allergies       []string  `json:"allergies,omitempty"`
	Alerts          []string  `json:"alerts,omitempty"` // medical alerts
	SpecialNeeds    string    `json:"special_needs,omitempty"`
	Condition       string    `json:"condition,omitempty"`       // Patient State
	Confidentiality string    `json:"confidentiality,omitempty"` // constraint on the data
	Admission       string    `json:"admission,omitempty"`       // of the visit
	Location        string    `json:"location,omitempty"`        // where the patient is now
	Ordered         *Face     `json:"ordered,omitempty"`         // what whoever ordered said, where it is known otherwise now
}

// A State is how far an order or a step is.
type State string

// The states. An order is active or cancelled; what else is known of it, its steps
// know.
const (
	Active       State = "active"
	Scheduled    State = "scheduled"
	Arrived      State = "arrived"
	InProgress   State = "in_progress"
	Completed    State = "completed"
	Discontinued State = "discontinued"
	Cancelled    State = "cancelled"
)

// StepStates returns the states of a step in the order in which it goes through them.
func StepStates() []State {
	return []State{Scheduled, Arrived, InProgress, Completed, Discontinued, Cancelled}
}

// open reports whether a step in this state waits for somebody.
func (s State) open() bool { return s == Scheduled || s == Arrived || s == InProgress }

// An Origin says by which way an order came.
type Origin string

// The origins.
const (
	FromAPI     Origin = "api"
	FromPage    Origin = "page"
	FromCommand Origin = "command"
	FromFile    Origin = "csv"
	FromHL7     Origin = "hl7"
	FromFHIR    Origin = "fhir"
)

// Priorities returns the values of Requested Procedure Priority (PS3.3 C.4.11).
func Priorities() []string { return []string{"STAT", "HIGH", "ROUTINE", "MEDIUM", "LOW"} }

// An Order is a requested procedure: what somebody wants to be done to whom and why,
// with the steps it takes. Orders that belong to one imaging service request share
// its accession number.
type Order struct {
	ID      string  `json:"id,omitempty"`
	Site    string  `json:"site,omitempty"`
	Patient Patient `json:"patient"`

	Accession       string `json:"accession,omitempty"` // given if left out
	AccessionIssuer string `json:"accession_issuer,omitempty"`
	Placer          string `json:"placer,omitempty"` // order number of who ordered
	Filler          string `json:"filler,omitempty"` // order number of the department
	ProcedureID     string `json:"procedure_id,omitempty"`
	Study           string `json:"study_uid,omitempty"` // given if left out

	Description         string   `json:"description,omitempty"` // of the procedure
	Code                *Code    `json:"code,omitempty"`
	Reason              string   `json:"reason,omitempty"`
	ReasonCodes         []Code   `json:"reason_codes,omitempty"`
	RequestingPhysician string   `json:"requesting_physician,omitempty"`
	RequestingService   string   `json:"requesting_service,omitempty"`
	ReferringPhysician  string   `json:"referring_physician,omitempty"`
	Recipients          []string `json:"recipients,omitempty"` // of the results
	Priority            string   `json:"priority,omitempty"`
	Transport           string   `json:"transport,omitempty"`
	Comments            string   `json:"comments,omitempty"`
	Expected            int64    `json:"expected_instances,omitempty"` // how many objects make the study complete; 0: nobody knows

	Steps []Step `json:"steps"`

	State      State     `json:"state,omitempty"`
	Origin     Origin    `json:"origin,omitempty"`
	Version    int64     `json:"version,omitempty"`
	AuthoredAt time.Time `json:"authored_at,omitzero"` // when it was written elsewhere
	CreatedAt  time.Time `json:"created_at,omitzero"`
	ChangedAt  time.Time `json:"changed_at,omitzero"`
	ChangedBy  string    `json:"changed_by,omitempty"`

	Person string `json:"-"` // as the journal and the other rooms name the patient
}

// A Step is a scheduled procedure step.
type Step struct {
	Key                 string   `json:"key,omitempty"`
	ID                  string   `json:"id,omitempty"` // Scheduled Procedure Step ID, given if left out
	Stations            []string `json:"stations"`     // application entity titles of the machines that may do it
	StationNames        []string `json:"station_names,omitempty"`
	Location            string   `json:"location,omitempty"` // room
	Modality            string   `json:"modality"`
	Start               string   `json:"start"` // local time at the site: 2006-01-02T15:04:05
	End                 string   `json:"end,omitempty"`
	Description         string   `json:"description,omitempty"`
	Protocol            []Code   `json:"protocol,omitempty"`
	PerformingPhysician string   `json:"performing_physician,omitempty"`
	Contrast            string   `json:"contrast,omitempty"`
	Premedication       string   `json:"premedication,omitempty"`
	Comments            string   `json:"comments,omitempty"`
	State               State    `json:"state,omitempty"`

	StartAt time.Time `json:"-"`
}

// step returns the step of that key, nil if the order has none.
func (o *Order) step(key string) *Step {
	i := slices.IndexFunc(o.Steps, func(s Step) bool { return s.Key == key })
	if i < 0 {
		return nil
	}
	return &o.Steps[i]
}

// stations writes application entity titles as the tables have them.
func stations(titles []string) string {
	if len(titles) == 0 {
		return ""
	}
	return `\` + strings.Join(titles, `\`) + `\`
}
