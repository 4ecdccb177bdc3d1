package web

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Storage knows how objects are kept, and takes what people decide about it.
type Storage interface {
	Storage(ctx context.Context) (StoragePage, error)
	// Do has something done at once: scrub or tidy.
	Do(ctx context.Context, what string) error
	// Delete deletes a study, series or instance; a RefusalError for what it does not accept.
	Delete(ctx context.Context, study, series, sop, reason string) error
	// Undo brings back what was deleted.
	Undo(ctx context.Context, id string) error
	// Hold keeps a study, or the studies of the person whom a study is about, from being deleted.
	Hold(ctx context.Context, study string, person bool, reason string) error
	// Lift ends a hold.
	Lift(ctx context.Context, id, reason string) error
	// Drop has only reports and headers be kept of what comes from now on by a way; a
	// RefusalError for what cannot be.
	Drop(ctx context.Context, r PeerRule) error
	// Everything ends that.
	Everything(ctx context.Context, title, called string) error
	// Govern lets a rule of retention govern, for at least so many years, or ends that if
	// reason is "".
	Govern(ctx context.Context, rule, years, reason string) error
	// FindDue has the list of studies made anew whose time is over.
	FindDue(ctx context.Context) error
	// Approve deletes studies of that list, or notes that they may go where a second person
	// has to agree, and returns how many went, wait for that, and stay.
	Approve(ctx context.Context, studies []string, reason string) (gone, waits, stay int, err error)
	// KeepStudy keeps a study whatever the rules say; without a reason they speak again.
	KeepStudy(ctx context.Context, study, reason string) error
}

// A StoragePage says how objects are kept.
type StoragePage struct {
	Bytes, Left, Packs int64
	ReadOnly           bool
	Floor              int64

	Days, Sooner, Later float64 // until the room is used up; 0 if it cannot be said
	Daily               int64   // bytes that come in a day
	N                   int     // days that rests on
	Shares              []Share

	Read    int64     // bytes that were read to their end at least once
	Oldest  time.Time // when that was read that was not read for longest; the zero time if something never was
	Damaged []Damaged

	Second       string // where the second place is, "" for none
	Copied       int64
	Uncopied     int64
	UncopiedN    int64
	UncopiedAge  time.Duration
	SecondWithin time.Duration

	TrashDays int
	Trash     []Deleted
	Holds     []Held
	Rules     []PeerRule
	List      []PackRow

	Retention []RetentionRow
	Due       []DueRow
	DueN      int64
	Alone     bool // one person suffices to approve what is due
	Kept      []KeptRow

	MayRun, MayDelete, MayHold bool
}

// A RetentionRow is a rule of how long studies are kept.
type RetentionRow struct {
	ID, Law, Source          string
	Meaning                  map[string]string // by language
	Years                    int               // that govern
	Draft, Verified, Governs bool
	Reason, Actor            string // of the decision that it governs
	At                       time.Time
	Ours                     bool // of the site's country
}

// A DueRow is a study whose time is over.
type DueRow struct {
	Study, Rule, Modalities string
	Day, Until              time.Time
	Objects, Bytes          int64
	Held                    bool
	Proposed, ProposedWhy   string // who said first that it may go, "" for nobody, and why
	ProposedAt              time.Time
	Mine                    bool // that was whoever looks: somebody else has to agree
}

// A KeptRow is a study that is kept whatever the rules say.
type KeptRow struct {
	Study, Reason, Actor string
	At                   time.Time
}

// A Share is what part of what comes is of one modality.
type Share struct {
	Modality string
	Percent  int
}

// A Damaged object is no longer what it was.
type Damaged struct {
	SOP           string
	Found, Mended time.Time
}

// A Deleted thing may come back.
type Deleted struct {
	ID, Level, UID, Reason, Actor, State string
	At, Due                              time.Time
	Objects, Bytes                       int64
	Rejected                             bool // it is hidden until the rejection is undone
}

// A Held study or person is not deleted.
type Held struct {
	ID, Study, Reason, Actor string // Study is "" for a person
	At, Lifted               time.Time
}

// maxDropHours bounds after which time pixels are dropped: ten years.
const maxDropHours = 10 * 365 * 24

// dropWords says what a rule of dropping pixels is about.
func (v *visit) dropWords(r PeerRule) string {
	key := "storage.rule_both"
	switch {
	case r.Called == "":
		key = "storage.rule"
	case r.Title == "":
		key = "storage.rule_title"
	}
	return v.p.T(key, lang.Args{"title": r.Title, "called": r.Called, "span": v.lasting(r.After)})
}

// dropFacts says since when, by whom and why.
func (v *visit) dropFacts(r PeerRule) string {
	return v.p.T("storage.rule_facts", lang.Args{"since": v.p.DateTime(v.local(r.Since)), "who": r.Actor, "why": r.Reason})
}

// A PeerRule says that only reports and headers are kept of what a peer sends.
type PeerRule struct {
	Title, Called string // of the peer; of ours: "" for any
	Reason, Actor string
	After         time.Duration
	Since         time.Time
}

// A PackRow is a pack.
type PackRow struct {
	Name         string
	Bytes        int64
	Sealed       bool
	Damaged      int64
	Read, Copied time.Time
}

// storagePage shows how objects are kept.
func (s *server) storagePage(v *visit) error { return v.showStorage(nil, nil) }

// showStorage shows the page; typed and wrong are a form it has to give back.
func (v *visit) showStorage(typed func(string) string, wrong map[string]string) error {
	st, err := v.Storage.Storage(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.storage"), lead: v.p.T("storage.lead"), section: "/settings/storage"}
	if wrong != nil {
		pg.status = 400
	}
	if typed == nil {
		typed = func(string) string { return "" }
	}
	return v.show(pg, storageBody(v, st, storageForm{typed, wrong}))
}

// A storageForm is a refused form.
type storageForm struct {
	typed func(string) string
	wrong map[string]string
}

func (f storageForm) value(name string) string   { return f.typed(name) }
func (f storageForm) problem(name string) string { return f.wrong[name] }

// storageDo takes what is to be done, decided or undone.
func (s *server) storageDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	form := func(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
	do, err := form("do"), error(nil)
	switch ctx := v.r.Context(); do {
	case "scrub", "tidy":
		err = s.Storage.Do(ctx, do)
	case "delete":
		err = s.Storage.Delete(ctx, form("study"), form("series"), form("sop"), form("reason"))
	case "undo":
		err = s.Storage.Undo(ctx, form("id"))
	case "hold":
		err = s.Storage.Hold(ctx, form("held"), form("whole") == "person", form("why"))
	case "lift":
		err = s.Storage.Lift(ctx, form("id"), form("because"))
	case "govern", "ungovern":
		if do == "govern" && form("reason") == "" {
			err = Refuse(map[string]string{"rule_" + form("rule"): "storage.wrong_reason"})
			break
		}
		err = s.Storage.Govern(ctx, form("rule"), form("years"), form("reason"))
	case "due":
		err = s.Storage.FindDue(ctx)
	case "approve":
		return s.storageApprove(v)
	case "keep":
		if form("because") == "" {
			err = Refuse(map[string]string{"approve": "storage.wrong_reason"})
			break
		}
		for _, study := range v.r.PostForm["due"] {
			err = errors.Join(err, s.Storage.KeepStudy(ctx, study, form("because")))
		}
	case "release":
		err = s.Storage.KeepStudy(ctx, form("id"), "")
	case "everything":
		err = s.Storage.Everything(ctx, form("title"), form("called"))
	case "drop":
		hours, bad := strconv.Atoi(form("hours"))
		if bad != nil || hours < 0 || hours > maxDropHours {
			err = Refuse(map[string]string{"hours": "storage.wrong_hours"})
			break
		}
		err = s.Storage.Drop(ctx, PeerRule{Title: form("title"), Called: form("called"), Reason: form("reason"), After: time.Duration(hours) * time.Hour})
	default:
		return fault.Errorf(fault.Invalid, "nothing that can be done")
	}
	if fields := v.refused(err); fields != nil {
		return v.showStorage(form, fields)
	}
	if err != nil {
		return err
	}
	return v.back("/settings/storage", "storage_"+do)
}

// storageApprove deletes what somebody chose of the list of what is due, and says what
// stays.
func (s *server) storageApprove(v *visit) error {
	studies, reason := v.r.PostForm["due"], strings.TrimSpace(v.r.PostForm.Get("because"))
	form := func(name string) string { return v.r.PostForm.Get(name) }
	switch {
	case len(studies) == 0:
		return v.showStorage(form, map[string]string{"approve": "storage.wrong_due"})
	case reason == "":
		return v.showStorage(form, map[string]string{"approve": "storage.wrong_reason"})
	}
	_, waits, stay, err := s.Storage.Approve(v.r.Context(), studies, reason)
	switch {
	case err != nil:
		return err
	case stay > 0:
		return v.back("/settings/storage", "storage_partly")
	case waits > 0:
		return v.back("/settings/storage", "storage_proposed")
	}
	return v.back("/settings/storage", "storage_approve")
}

// meaning says what a rule means.
func (v *visit) meaning(r RetentionRow) string { return orElse(r.Meaning[v.p.Tag()], r.Meaning["en"]) }

// ruleState says what a site decided about a rule.
func (v *visit) ruleState(r RetentionRow) string {
	if !r.Governs {
		return v.p.T("storage.rule_off")
	}
	return v.p.T("storage.rule_on", lang.Args{"n": r.Years, "at": v.p.Date(v.local(r.At)), "who": r.Actor, "why": r.Reason})
}

// storageTiles are where we stand.
func (v *visit) storageTiles(pg StoragePage) []face.Tile {
	room := face.Tile{Label: v.p.T("storage.left"), Value: v.size(pg.Left), Reference: v.p.T("storage.floor", lang.Args{"size": v.size(pg.Floor)}), Tone: face.Good}
	if pg.ReadOnly {
		room.Tone = face.Trouble
	}
	full := face.Tile{Label: v.p.T("storage.full"), Value: "–", Basis: v.p.T("storage.no_forecast")}
	if pg.N > 0 && pg.Days == 0 {
		full.Basis = v.p.T("storage.nothing_comes", lang.Args{"n": pg.N})
	}
	if pg.Days > 0 {
		full.Value = v.p.T("backup.days", lang.Args{"n": int(pg.Days)})
		full.Reference = v.p.T("storage.between", lang.Args{"low": int(pg.Sooner), "high": int(min(pg.Later, 99999))})
		full.Basis = v.p.T("storage.daily", lang.Args{"size": v.size(pg.Daily), "n": pg.N})
	}
	whole := face.Tile{Label: v.p.T("storage.damaged"), Value: v.p.Count(int64(pg.open())), Reference: v.p.T("storage.none"), Tone: face.Good, Basis: v.readBasis(pg)}
	if pg.open() > 0 {
		whole.Tone = face.Trouble
	}
	second := face.Tile{Label: v.p.T("storage.second"), Value: "–", Basis: v.p.T("storage.second_none"), Tone: face.Attention}
	if pg.Second != "" {
		second = face.Tile{
			Label: v.p.T("storage.second"), Value: v.size(pg.Uncopied), Reference: v.p.T("storage.within", lang.Args{"span": v.lasting(pg.SecondWithin)}),
			Basis: v.p.T("storage.behind", lang.Args{"n": int(pg.UncopiedN)}), Tone: face.Good,
		}
		if pg.UncopiedN > 0 && pg.UncopiedAge > pg.SecondWithin {
			second.Tone = face.Attention
		}
	}
	return []face.Tile{room, full, whole, second}
}

// open counts damage that was not mended.
func (pg StoragePage) open() (n int) {
	for _, d := range pg.Damaged {
		if d.Mended.IsZero() {
			n++
		}
	}
	return n
}

// readBasis says what the scrub has read.
func (v *visit) readBasis(pg StoragePage) string {
	if pg.Oldest.IsZero() {
		return v.p.T("storage.read_part", lang.Args{"read": v.size(pg.Read), "all": v.size(pg.Bytes)})
	}
	return v.p.T("storage.read_all", lang.Args{"at": v.p.Date(v.local(pg.Oldest))})
}

// trashTable lists what was deleted.
func (v *visit) trashTable(pg StoragePage) face.Table {
	t := face.Table{
		ID: "trash", Caption: v.p.T("storage.trash"), Empty: face.Nothing(v.p.T("storage.trash_empty"), v.p.T("storage.trash_empty_text", lang.Args{"n": pg.TrashDays})),
		Columns: []face.Column{{Label: v.p.T("storage.what"), Phone: face.Name}, {Label: v.p.T("storage.state"), Phone: face.Beside}, {Label: v.p.T("storage.reason")}, {Label: v.p.T("storage.objects")}, {Label: ""}},
	}
	for _, d := range pg.Trash {
		state := v.p.T("storage.state_" + d.State)
		button := face.Words("", "")
		switch {
		case d.State == "waiting" && d.Rejected:
			state = v.p.T("storage.hidden")
		case d.State == "waiting":
			state = v.p.T("storage.until", lang.Args{"at": v.p.DateTime(v.local(d.Due))})
			if pg.MayDelete {
				button = storageButton("undo", d.ID, v.p.T("storage.undo"))
			}
		}
		t.Rows = append(t.Rows, face.Row{ID: d.ID, Cells: []templ.Component{
			face.Words(v.p.T("storage.level_"+d.Level), d.UID), face.Words(state, v.p.DateTime(v.local(d.At))), face.Words(d.Reason, d.Actor),
			face.Words(v.p.Count(d.Objects), v.size(d.Bytes)), button,
		}})
	}
	return t
}

// holdTable lists holds.
func (v *visit) holdTable(pg StoragePage) face.Table {
	t := face.Table{
		ID: "holds", Caption: v.p.T("storage.holds"), Empty: face.Nothing(v.p.T("storage.holds_empty"), v.p.T("storage.holds_empty_text")),
		Columns: []face.Column{{Label: v.p.T("storage.what"), Phone: face.Name}, {Label: v.p.T("storage.state"), Phone: face.Beside}, {Label: v.p.T("storage.reason")}, {Label: ""}},
	}
	for _, h := range pg.Holds {
		what, id := v.p.T("storage.level_study"), h.Study
		if h.Study == "" {
			what = v.p.T("storage.level_person")
		}
		state, form := v.p.T("storage.holds_since", lang.Args{"at": v.p.Date(v.local(h.At))}), face.Words("", "")
		if !h.Lifted.IsZero() {
			state = v.p.T("storage.lifted", lang.Args{"at": v.p.Date(v.local(h.Lifted))})
		} else if pg.MayHold {
			form = liftForm(v, h.ID)
		}
		t.Rows = append(t.Rows, face.Row{ID: h.ID, Cells: []templ.Component{face.Words(what, id), face.Words(state, ""), face.Words(h.Reason, h.Actor), form}})
	}
	return t
}

// packTable lists packs, those first that were not read for longest.
func (v *visit) packTable(pg StoragePage) face.Table {
	t := face.Table{
		ID: "packs", Caption: v.p.T("storage.packs"), Empty: face.Nothing(v.p.T("storage.packs_empty"), v.p.T("storage.packs_empty_text")),
		Columns: []face.Column{{Label: v.p.T("storage.pack"), Phone: face.Name}, {Label: v.p.T("storage.size"), Phone: face.Beside}, {Label: v.p.T("storage.read")}, {Label: v.p.T("storage.copied")}},
	}
	for _, p := range pg.List {
		sealed := v.p.T("storage.sealed")
		if !p.Sealed {
			sealed = v.p.T("storage.open")
		}
		read := v.orNever(p.Read)
		if p.Damaged > 0 {
			read = v.p.T("storage.pack_damaged", lang.Args{"n": int(p.Damaged)})
		}
		t.Rows = append(t.Rows, face.Row{ID: p.Name, Cells: []templ.Component{face.Words(p.Name, sealed), face.Words(v.size(p.Bytes), ""), face.Words(read, ""), face.Words(v.orNever(p.Copied), "")}})
	}
	return t
}

// orNever shows a time, or that there was none.
func (v *visit) orNever(t time.Time) string {
	if t.IsZero() {
		return v.p.T("backup.never")
	}
	return v.p.DateTime(v.local(t))
}
