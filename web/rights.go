package web

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"radagora/fault"
	"radagora/web/face"
)

// Rights knows who may do what with whose data, and takes what people decide about
// one patient or study.
type Rights interface {
	// Policies tells what a role may do, "" for the first.
	Policies(ctx context.Context, role string) (PoliciesPage, error)
	// Study tells who can see a study, and why.
	Study(ctx context.Context, uid string) (StudyRights, error)
	// Give lets somebody see a study for a time; a RefusalError for what cannot be.
	Give(ctx context.Context, g StudyGift) error
	// Take ends a relation.
	Take(ctx context.Context, relation string) error
	// Open opens the record of a study's patient in an emergency; a RefusalError for
	// a reason that is none.
	Open(ctx context.Context, study, reason string) error
	// EmergencyHours is for how long.
	EmergencyHours() int
	Emergencies(ctx context.Context) ([]Emergency, error)
	Review(ctx context.Context, id, finding string) error
}

// A PoliciesPage tells what one role may do.
type PoliciesPage struct {
	Roles  []face.Choice // codes; labels come from the catalogue
	Role   string
	Acts   []RoleAct
	Origin string // of the set of policies: embedded, installation, site
	Digest string
	Status string // draft or approved
}

// A RoleAct is an act and whether a role may do it.
type RoleAct struct {
	Act      string
	Word     string // yes, again, own, referred, given, emergency, no: key of the catalogue after rights.word_
	Policies []Policy
}

// A Policy is one rule as it is written.
type Policy struct{ ID, Text string }

// StudyRights are who can see a study.
type StudyRights struct {
	UID, Description, Day string
	Restricted, OptedOut  bool
	People                []PersonRight
	Relations             []StudyRelation
	Accounts              []face.Choice // whom it can be given to
}

// A PersonRight says what somebody may see of a study, and why.
type PersonRight struct {
	Name, Roles     string
	Images, Named   bool   // the objects; name and identifier
	Exam            bool   // the examination without identity
	Word            string // why, as a key after rights.why_
	Policies, Until string
}

// A StudyRelation is why somebody sees more than their role shows.
type StudyRelation struct {
	ID, Who, Kind, Reason, MadeBy string
	Study                         bool // about this study alone
	Made, Until, Ended            time.Time
	Holds                         bool
}

// A StudyGift lets somebody see a study.
type StudyGift struct {
	Study, Account, Reason string
	Whole                  bool // all of the patient's studies
	Until                  time.Time
}

// An Emergency is a record that was opened in one.
type Emergency struct {
	ID, Who, Reason, Review, ReviewedBy string
	Opened, Until, Reviewed             time.Time
}

// policiesPage tells what a role may do.
func (s *server) policiesPage(v *visit) error {
	pg, err := s.Rights.Policies(v.r.Context(), v.r.URL.Query().Get("role"))
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.policies"), lead: v.p.T("rights.policies_lead")}, policiesBody(v, pg))
}

// actTable lists what a role may do.
func (v *visit) actTable(pg PoliciesPage) face.Table {
	t := face.Table{
		ID: "acts", Caption: v.p.T("rights.acts"), Dense: true,
		Columns: []face.Column{{Label: v.p.T("rights.act"), Phone: face.Name}, {Label: v.p.T("rights.may"), Phone: face.Beside}, {Label: v.p.T("rights.by")}},
	}
	acts := slices.Clone(pg.Acts)
	slices.SortStableFunc(acts, func(a, b RoleAct) int { return cmp.Compare(btoi(a.Word == "no"), btoi(b.Word == "no")) })
	for _, a := range acts {
		var ids []string
		for _, p := range a.Policies {
			ids = append(ids, p.ID)
		}
		t.Rows = append(t.Rows, face.Row{ID: a.Act, Cells: cells(v.p.T("rights.act_"+a.Act), v.p.T("rights.word_"+a.Word), strings.Join(ids, ", "))})
	}
	return t
}

// btoi orders what is not behind what is.
func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// studyRights tells who can see a study.
func (s *server) studyRights(v *visit) error { return v.showStudyRights(StudyGift{}, nil) }

// showStudyRights shows the page; g and wrong are a form it has to give back.
func (v *visit) showStudyRights(g StudyGift, wrong map[string]string) error {
	pg := page{title: v.p.T("nav.study_rights"), lead: v.p.T("rights.study_lead"), section: "/access/study"}
	uid := orElse(g.Study, strings.TrimSpace(v.r.URL.Query().Get("uid")))
	if uid == "" {
		return v.show(pg, studyAskBody(v))
	}
	rights, err := v.Rights.Study(v.r.Context(), uid)
	if err != nil {
		return err
	}
	if wrong != nil {
		pg.status = 400
	}
	return v.show(pg, studyRightsBody(v, rights, g, wrong))
}

// studyGive lets somebody see a study.
func (s *server) studyGive(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	g := StudyGift{Study: f.Get("study"), Account: f.Get("account"), Reason: strings.TrimSpace(f.Get("reason")), Whole: f.Get("whole") != ""}
	if day, err := time.ParseInLocation(time.DateOnly, f.Get("until"), v.zone()); err == nil {
		g.Until = day.AddDate(0, 0, 1) // to the end of that day
	}
	err := s.Rights.Give(v.r.Context(), g)
	if wrong := v.refused(err); wrong != nil {
		return v.showStudyRights(g, wrong)
	}
	if err != nil {
		return err
	}
	return v.back(parseAddress("/access/study").with("uid", g.Study).String(), "given")
}

// zone is where the site is.
func (v *visit) zone() *time.Location {
	if v.site.Zone == nil {
		return time.UTC
	}
	return v.site.Zone
}

// studyTake ends a relation.
func (s *server) studyTake(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Rights.Take(v.r.Context(), v.r.PostForm.Get("relation")); err != nil {
		return err
	}
	return v.back(parseAddress("/access/study").with("uid", v.r.PostForm.Get("study")).String(), "taken")
}

// emergencyPage asks for the reason.
func (s *server) emergencyPage(v *visit) error { return v.showEmergency("", nil) }

// showEmergency shows the form; reason and wrong are what it has to give back.
func (v *visit) showEmergency(reason string, wrong map[string]string) error {
	pg := page{title: v.p.T("rights.emergency"), lead: v.p.T("rights.emergency_lead"), section: "-"}
	if wrong != nil {
		pg.status = 400
	}
	return v.show(pg, emergencyBody(v, reason, wrong))
}

// emergencyOpen opens a record.
func (s *server) emergencyOpen(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	reason := strings.TrimSpace(v.r.PostForm.Get("reason"))
	err := s.Rights.Open(v.r.Context(), v.r.PostForm.Get("study"), reason)
	if wrong := v.refused(err); wrong != nil {
		return v.showEmergency(reason, wrong)
	}
	if err != nil {
		return err
	}
	return v.back(v.r.PostForm.Get("to"), "")
}

// emergencies lists the records that were opened in one.
func (s *server) emergencies(v *visit) error {
	all, err := s.Rights.Emergencies(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.emergencies"), lead: v.p.T("rights.emergencies_lead")}, emergenciesBody(v, all))
}

// emergencyReview notes what the data-protection officer found.
func (s *server) emergencyReview(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	err := s.Rights.Review(v.r.Context(), v.r.PostForm.Get("id"), strings.TrimSpace(v.r.PostForm.Get("finding")))
	if err != nil {
		return err
	}
	return v.back("/access/emergencies", "reviewed")
}
