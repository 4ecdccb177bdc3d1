package web

import (
	"context"
	"io"
	"time"

	"radagora/lang"
	"radagora/web/face"
)

// DoseCT is what the CT dose pages ask for. Words that are content (states,
// examinations, indications, sets) come in the language of the query; reasons
// and origins come as codes, which the catalogue knows.
type DoseCT interface {
	// Page returns what stands on the page for a query.
	Page(ctx context.Context, q DoseQuery) (DosePage, error)
	// Examinations returns the examinations that a row of the level table rests
	// on and those it leaves out, latest first, from after the key on.
	Examinations(ctx context.Context, q DoseQuery, row, after string) (DoseExaminations, error)
	// Examination returns one examination with every value and its origin.
	Examination(ctx context.Context, q DoseQuery, id string) (DoseExamination, error)
	// Size takes what somebody says of the patient's size at an examination; a
	// RefusalError for what cannot be.
	Size(ctx context.Context, id string, s SizeSaid) error
	// Apart returns what is in no median because it is not of a patient or belongs
	// to no examination without doubt.
	Apart(ctx context.Context, q DoseQuery) (DoseApart, error)
	// Export writes exactly what a part of the page shows.
	Export(ctx context.Context, w io.Writer, q DoseQuery, part ExportPart, format ExportFormat) error
}

// A DoseQuery is the filter of the dose page as it stands in the address. Empty
// fields do not filter; an empty Period is the default one.
type DoseQuery struct {
	Language string
	Modality string // code of one of DosePage.Modalities; empty is the first
	Period   string // code of one of DosePage.Periods
	Room     string // id
	Exam     string // exam code
	Size     string // code of the size group
	Chart    string // key of the group the charts show; empty is the most notable
	Sort     string // column, with "-" before it to turn the order
	Row      string // id of the row whose examinations or events are exported; empty is all of them
	DAP      string // unit in which dose-area products are read, one of dapUnits; empty is the usual one of the modality
	Basis    string // reported, corrected; empty is the one that the site chose
	Purpose  string // what for, a code of HL7 v3 PurposeOfUse; empty is the site's own quality
}

// ExportPart names what is taken along.
type ExportPart string

// The parts of the dose page that can be taken along.
const (
	ExportTable        ExportPart = "table"
	ExportSpread       ExportPart = "spread"
	ExportTrend        ExportPart = "trend"
	ExportExaminations ExportPart = "examinations"
	ExportEvents       ExportPart = "events"
)

// ExportFormat names a file format.
type ExportFormat string

// The formats things can be taken along in.
const (
	CSV     ExportFormat = "csv"
	XLSX    ExportFormat = "xlsx"
	Parquet ExportFormat = "parquet"
)

// A DosePage is what the CT dose page shows.
type DosePage struct {
	From, To   time.Time // the period, To not included
	Modality   string    // the code that is in force
	Modalities []face.Choice
	Period     string // the code that is in force
	Periods    []face.Choice
	Rooms      []face.Choice
	Exams      []face.Choice
	Sizes      []face.Choice
	Started    bool // false until the first dose report has ever arrived
	Tiles      []Headline
	Rows       []DoseRow
	Apart      DoseApart
	Charts     *DoseCharts // nil when there is nothing to draw
	Findings   []DoseFinding
	People     []face.Choice // who can own a finding
	Sets       []SetUse      // the content the page rests on
	Work       []Work
}

// A RoomRef is a room as other pages show it: the same colour everywhere.
type RoomRef struct {
	ID     string
	Name   string
	Colour int
}

// A DoseRow is one room, examination, indication and size group beside its
// reference. Values are in Unit.
type DoseRow struct {
	ID         string // stable, safe in an address
	Key        string // group of the charts: examination, indication, size
	Room       RoomRef
	Exam       face.Choice
	Indication string // in the person's language, "" if the mapping names none
	KnownBy    string // order, protocol, assumed; "" without indication
	Size       string // size group in the person's language
	SizeNote   int    // examinations of unknown size among N
	Calculated int    // examinations whose values nobody measured, among Count
	Count      int    // examinations that count
	Quantity   string // code: dlp, ctdivol, dap, rp, esd, agd, fluoro_time, images, activity, activity_per_kg
	Unit       string // UCUM code
	Basis      string // reported or corrected
	N          int
	Median     float64
	Q1, Q3     float64
	Low, High  float64 // 95 % interval of the median; equal if there is none
	Level      *Level  // governing; nil if none is loaded
	Others     []Level // other sets: ticks, never a state
	State      face.State
	Notes      []face.State // low_information, low_check
	Excluded   []Excluded
	Finding    string // id of its finding, "" if none
}

// compared reports whether the row is held against a level. A level that is
// there but must not be compared with is shown as a tick and makes no ratio.
func (r DoseRow) compared() bool { return r.Level != nil && r.State.Shape != face.Dash }

// A Level is a reference level as the pages quote it.
type Level struct {
	Value         float64
	Set           string // short title in the person's language, as in "UK 2024"
	SetID         string
	Edition       string
	Indication    string // in the person's language, "" if the set names none
	Statistic     string // as the set says, in the person's language
	Source        string // where in the source the number stands
	MinN          int    // what the set demands; 0 if it does not say
	From, To      time.Time
	ReviewDue     time.Time
	ReviewOverdue bool
	Demonstration bool // made up: labelled "demonstration, not official"
	PhantomUnsaid bool // a CTDIvol level that does not name its phantom
}

// Excluded counts examinations that a comparison leaves out, and why: not_patient,
// rejected, incomplete, flagged_unit, unassigned, multi_region, size_outside.
type Excluded struct {
	Reason string
	N      int
}

// DoseCharts are the numbers of the two charts, for one group.
type DoseCharts struct {
	Groups   []face.Choice // groups that can be drawn
	Key      string        // the one that is
	Label    string        // its name: examination, indication, size
	Quantity string
	Unit     string
	Rooms    []DoseCourse
	Levels   []Level // governing, in order of time
	Others   []Level
	From     time.Time // first month
	Months   int
	Markers  []DoseMarker // the latest
	Earlier  int          // changes of the time before them that are not drawn
	Gaps     []DoseGap
}

// A DoseCourse is one room in both charts.
type DoseCourse struct {
	Room                     RoomRef
	N                        int
	P05, Q1, Median, Q3, P95 float64
	Points                   []float64 // single examinations; may be a sample of them
	Months                   []DoseMonth
}

// A DoseMonth is a room's typical value of one month; a month without
// examinations is left out.
type DoseMonth struct {
	Month     time.Time
	N         int
	Median    float64
	Low, High float64
}

// A DoseMarker is an event that may explain a change.
type DoseMarker struct {
	At   time.Time
	What lang.Message
	Href string // what tells more of it
}

// A DoseGap is a time without reports.
type DoseGap struct {
	From, To time.Time
	Room     string // name; "" for all of them
}

// A SetUse is a content set that a page rests on.
type SetUse struct {
	ID, Title, Edition, Licence, Status string
	Demonstration                       bool
}

// A DoseFinding is a finding of the dose page with its human part.
type DoseFinding struct {
	ID      string
	Row     *DoseRow     // what it is about; nil for a finding that is no comparison
	What    lang.Message // title, if Row is nil
	Why     lang.Message // sentence, if Row is nil
	State   string       // open, in_work, measured_again, closed, withdrawn
	Owner   face.Choice
	Due     time.Time
	Overdue bool
	Note    string
	Opened  time.Time
	Changes []FindingEvent
}

// A FindingEvent is one entry of a finding's history.
type FindingEvent struct {
	At   time.Time
	Who  string
	What lang.Message
}

// DoseExaminations are the examinations behind a row.
type DoseExaminations struct {
	Row   DoseRow
	Items []DoseItem
	Next  string // key to go on after, "" at the end
}

// A DoseItem is one examination in a list.
type DoseItem struct {
	ID       string
	At       time.Time
	Protocol string // as the machine calls it
	Weight   float64
	// WeightFrom is where the weight comes from.
	WeightFrom BodySaid
	Value      float64
	Events     int
	Origin     string // report, image, mpps, ocr, manual, imported
	Left       string // reason it is left out, "" if it counts
}
