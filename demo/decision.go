package demo

import (
	"errors"

	"radagora/content"
)

// Actor is in whose name the demonstration decides.
const Actor = "demonstration"

// Decisions are what people of the department have decided, for the loader to
// decide in the name of Actor once the first reports are read.
type Decisions struct {
	Rooms     []RoomName
	Mappings  []Mapping
	Governing []Governing

	Calibrations []Calibration
	Typed        []Typed
	Audits       []Audit
	Incidents    []Incident
	Maturity     []Rated
	Machines     []Machine
	Tests        []Tested

	Documents      []Document
	Qualifications []Qualification
	Trainings      []Training
	Experience     []Experience
}

// A RoomName says how the room with a machine is called.
type RoomName struct {
	Manufacturer, Serial string // of the machine
	AETitle              string // that it calls with
	Modality             string
	Name, Area           string
}

// A Mapping says what a local name means at all machines.
type Mapping struct {
	Name       string
	Source     string // "procedure" or "protocol"
	Exam       string // code in dose/exam
	Indication string // code in dose/indication, "" if there is none
	KnownBy    string // "order", "protocol" or "assumed", "" without an indication
	Note       string
}

// A Governing says which set of levels governs from a day on.
type Governing struct {
	Set      string // id of the content set
	Exam     string // code in dose/exam, "" for all
	From, To string // days as 2006-01-02; To is "" while it lasts
	Note     string
}

// A Calibration is how far the doses of a machine are from what was measured there.
type Calibration struct {
	Serial           string // of the machine
	Quantity, Factor string
	Uncertainty      string // per cent
	Calibrated, From string // days as 2006-01-02
	Note             string
}

// Typed is an examination of a room whose machine sends no doses, for somebody to
// type in.
type Typed struct {
	Back           int    // days before the last day of the year
	Clock          string // 15:04
	Station, Model string // of the machine
	Exam           string // code in dose/exam
	DAP, Unit      string
	FluoroTime     string // s
	Method         string // how the dose became known
}

// An Audit is one of the department, with what people said of it. Without days it is only
// planned; without days of a re-audit it stands where its cases were counted.
type Audit struct {
	Template               string // id
	Evidence               string // id of the fact whose cases are counted, "" without days
	From, Until            int    // days before the last day of the year, -1 if there are none
	AgainFrom, AgainUntil  int    // the same, of the re-audit
	Reason                 string
	Why                    string // every failed case failed
	Harm                   int
	ShownTo, Conclusion    string
	Cause, Action, Outcome string
}

// Rated is what the department says of an item of the digital-maturity self-assessment.
type Rated struct {
	Item   string // code
	Answer int    // 0 to 4
	Reason string // why evidence may say something else
}

// A Machine is one of the register of equipment. Days count back from the last day of the
// year; below nought they are to come.
type Machine struct {
	Name, Group      string
	Serial           string // of what sends, "" if nothing does
	Year             int
	Accepted         int
	Contract         string
	Ends, Renewal    int
	HasEnd, HasRenew bool
}

// Tested is a test that was done on a machine, with the levels that the made-up department
// typed in for it.
type Tested struct {
	Machine, Test             string
	Back                      int
	Value, Verdict            string
	Action, Suspension, Sense string
}

// An Incident is what somebody of the department reported, and what was found.
type Incident struct {
	Back                             int    // days before the last day of the year
	Clock                            string // 15:04
	Kind, Sort, Harmed, Place, Words string
	Severity, Cause, Analysis        string // "" while nobody looked
	Lesson                           string // for the board, "" if there is none
	Close                            bool
}

// An Experience is what a patient answered: to each statement a digit of the scale, and in
// words.
type Experience struct{ Answers, Words string }

// A Document is one of the department, with its only version.
type Document struct {
	Title, Kind, Topic, Owner      string
	HighDose                       bool
	Readers, Exams, Audits, Duties []string
	Label, Text                    string
	Back                           int  // days before the last day of the year on which it was put in
	Approved                       bool // by a second person on the same day
	Good                           int  // days until its next review
	Expert                         bool // it was reviewed with the medical physics expert too
}

// A Qualification is one of somebody of the department, who is called by a function.
type Qualification struct {
	Name, Kind, Detail string
	From               int // days before the last day of the year
	Until              int // days after it; before it if negative
	Ends               bool
}

// A Training is one of the whole team.
type Training struct {
	Back              int // days before the last day of the year
	Subject           string
	Attended, Invited int
}

// Decided reads demo/decision, and the rooms of demo/department. It fails with
// kind NotFound or Invalid if the content does.
func Decided(library *content.Library) (Decisions, error) {
	var d Decisions
	var errs [14]error
	d.Rooms, errs[0] = table(library, "demo/department", "rooms", func(r *content.Row) RoomName {
		return RoomName{
			Manufacturer: r.Text("manufacturer"), Serial: r.Text("serial"), AETitle: r.Text("ae_title"),
			Modality: r.Text("modality"), Name: r.Text("name"), Area: r.Text("area"),
		}
	})
	d.Mappings, errs[1] = table(library, "demo/decision", "mappings", func(r *content.Row) Mapping {
		return Mapping{
			Name: r.Text("name"), Source: r.Text("source"), Exam: r.Text("exam_code"),
			Indication: r.Text("indication_code"), KnownBy: r.Text("known_by"), Note: r.Text("note"),
		}
	})
	d.Governing, errs[2] = table(library, "demo/decision", "governing", func(r *content.Row) Governing {
		return Governing{
			Set: r.Text("set"), Exam: r.Text("exam_code"), From: r.Text("from"), To: r.Text("to"), Note: r.Text("note"),
		}
	})
	serials := map[string]string{}
	_, err := table(library, "demo/department", "rooms", func(r *content.Row) (none struct{}) {
		serials[r.Text("room")] = r.Text("serial")
		return none
	})
	d.Calibrations, errs[3] = table(library, "demo/decision", "calibrations", func(r *content.Row) Calibration {
		return Calibration{
			Serial: serials[r.Text("room")], Quantity: r.Text("quantity"), Factor: r.Text("factor"), Uncertainty: r.Text("uncertainty"),
			Calibrated: r.Text("calibrated"), From: r.Text("from"), Note: r.Text("note"),
		}
	})
	d.Typed, errs[4] = table(library, "demo/decision", "typed", func(r *content.Row) Typed {
		return Typed{
			Back: whole(r, "days_back"), Clock: r.Text("clock"), Station: r.Text("station"), Model: r.Text("model"), Exam: r.Text("exam_code"),
			DAP: r.Text("dap"), Unit: r.Text("dap_unit"), FluoroTime: r.Text("fluoro_time_s"), Method: r.Text("method"),
		}
	})
	d.Audits, errs[5] = table(library, "demo/decision", "audits", func(r *content.Row) Audit {
		return Audit{
			Template: r.Text("template"), Evidence: r.Text("evidence"), From: back(r, "from_back"), Until: back(r, "until_back"),
			AgainFrom: back(r, "again_from_back"), AgainUntil: back(r, "again_until_back"), Reason: r.Text("reason"), Why: r.Text("why"), Harm: max(0, back(r, "harm")),
			ShownTo: r.Text("shown_to"), Conclusion: r.Text("conclusion"), Cause: r.Text("cause"), Action: r.Text("action"), Outcome: r.Text("result"),
		}
	})
	d.Incidents, errs[6] = table(library, "demo/decision", "incidents", func(r *content.Row) Incident {
		return Incident{
			Back: whole(r, "days_back"), Clock: r.Text("clock"), Kind: r.Text("kind"), Sort: r.Text("sort"), Harmed: r.Text("harmed"), Place: r.Text("place"),
			Words: r.Text("words"), Severity: r.Text("severity"), Cause: r.Text("cause"), Analysis: r.Text("analysis"), Lesson: r.Text("lesson"), Close: r.Text("close") == "yes",
		}
	})
	d.Documents, errs[7] = table(library, "demo/decision", "documents", func(r *content.Row) Document {
		return Document{
			Title: r.Text("title"), Kind: r.Text("kind"), Topic: r.Text("topic"), Owner: r.Text("owner"), HighDose: r.Text("high_dose") == "yes",
			Readers: r.List("readers"), Exams: r.List("exams"), Audits: r.List("audits"), Duties: r.List("duties"), Label: r.Text("label"), Text: r.Text("word"),
			Back: whole(r, "added_back"), Approved: r.Text("approved") == "yes", Good: max(0, back(r, "good_for_days")), Expert: r.Text("expert") == "yes",
		}
	})
	d.Qualifications, errs[8] = table(library, "demo/decision", "qualifications", func(r *content.Row) Qualification {
		x := Qualification{Name: r.Text("name"), Kind: r.Text("kind"), Detail: r.Text("detail"), From: whole(r, "from_back"), Ends: r.Text("until_ahead") != ""}
		if x.Ends {
			x.Until = whole(r, "until_ahead")
		}
		return x
	})
	d.Trainings, errs[9] = table(library, "demo/decision", "trainings", func(r *content.Row) Training {
		return Training{Back: whole(r, "days_back"), Subject: r.Text("subject"), Attended: whole(r, "attended"), Invited: whole(r, "invited")}
	})
	d.Maturity, errs[10] = table(library, "demo/decision", "maturity", func(r *content.Row) Rated {
		return Rated{r.Text("indicator"), whole(r, "answer"), r.Text("reason")}
	})
	d.Machines, errs[11] = table(library, "demo/decision", "machines", func(r *content.Row) Machine {
		return Machine{
			Name: r.Text("device"), Group: r.Text("group"), Serial: serials[r.Text("room")], Year: whole(r, "install_year"), Accepted: whole(r, "accepted_back"),
			Contract: r.Text("contract"), Ends: whole(r, "contract_ends_back"), HasEnd: r.Text("contract_ends_back") != "",
			Renewal: -whole(r, "renewal_ahead"), HasRenew: r.Text("renewal_ahead") != "",
		}
	})
	d.Tests, errs[12] = table(library, "demo/decision", "tests", func(r *content.Row) Tested {
		return Tested{
			Machine: r.Text("device"), Test: r.Text("test"), Back: whole(r, "back"), Value: r.Text("value"), Verdict: r.Text("verdict"),
			Action: r.Text("action"), Suspension: r.Text("suspension"), Sense: r.Text("sense"),
		}
	})
	d.Experience, errs[13] = table(library, "demo/decision", "experience", func(r *content.Row) Experience {
		return Experience{Answers: r.Text("answers"), Words: r.Text("words")}
	})
	return d, errors.Join(append(errs[:], err)...)
}

// back reads a number of days, -1 if there is none.
func back(r *content.Row, column string) int {
	if r.Text(column) == "" {
		return -1
	}
	return whole(r, column)
}

// A Story is what is planted in the year for a reader to find.
type Story struct {
	ID         string
	Room       string // name of the room it is told of
	Exam       string // code in dose/exam, "" if it is about none
	Indication string
	KnownBy    string
	Measure    string // "dlp" or "ctdivol", "" if it is about none
	Name       string // local name it is about, "" if it is about none
	See        string // what a reader sees, in English
	Check      string // how a script can tell
}

// Stories reads demo/story. It fails with kind NotFound or Invalid if the content
// does.
func Stories(library *content.Library) ([]Story, error) {
	decided, err := table(library, "demo/department", "rooms", func(r *content.Row) [2]string {
		return [2]string{r.Text("room"), r.Text("name")}
	})
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, r := range decided {
		names[r[0]] = r[1]
	}
	return table(library, "demo/story", "stories", func(r *content.Row) Story {
		return Story{
			ID: r.Text("id"), Room: names[r.Text("room")], Exam: r.Text("exam_code"), Indication: r.Text("indication_code"),
			KnownBy: r.Text("known_by"), Measure: r.Text("measure"), Name: r.Text("name"), See: r.Text("see"), Check: r.Text("check"),
		}
	})
}

// table reads a table of a set.
func table[T any](library *content.Library, set, name string, one func(*content.Row) T) ([]T, error) {
	t, err := library.Table("", set, name)
	if err != nil {
		return nil, err
	}
	return content.Collect(t, one)
}
