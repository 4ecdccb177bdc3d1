package dose

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"radagora/content"
	"radagora/fault"
)

// A LevelKind says where the levels of an entered set come from.
type LevelKind string

// The kinds of entered sets.
const (
	LevelNotice  LevelKind = "notice"  // an authority or society published them
	LevelLocal   LevelKind = "local"   // a quantile of the medians of the site's own rooms
	LevelTypical LevelKind = "typical" // the site's own typical values
)

// A LevelState says how far an entered set is.
type LevelState string

// The states of an entered set, in the order in which it passes through them. What
// was found usable is never edited: what changes is a new edition.
const (
	LevelDraft      LevelState = "draft"      // being typed in and compared
	LevelUsable     LevelState = "usable"     // a second person compared every row with its source
	LevelSuperseded LevelState = "superseded" // history from a day on
	LevelWithdrawn  LevelState = "withdrawn"  // was wrong, or is not wanted: it counts nowhere
)

// A LevelHead is what holds for all rows of a set. Empty means unknown; dates may
// be a year alone.
type LevelHead struct {
	Title     string
	Authority string
	Country   string // ISO 3166 code, or EU
	Year      string
	Edition   string
	Source    string // title of the notice
	Page      string // for rows that name none
	URL       string
	Statistic string // such as the 75th percentile of medians
	Adopted   string
	Published string
	ValidFrom string
	ValidTo   string
	ReviewDue string
	Official  bool // may be called a national or European level
	Note      string
	Replaces  string // id of the set of which this is a new edition
}

// A LevelSet is a set of reference levels that people of a site entered.
type LevelSet struct {
	Site, ID string // the ID as of a content set: dose/level/NAME
	Kind     LevelKind
	LevelHead
	State     LevelState
	Digest    string // SHA-256 over what was found usable, "" before
	TypedBy   string
	TypedAt   int64 // Unix milliseconds, as all that follow
	CheckedBy string
	CheckedAt int64
	EndedBy   string
	EndedAt   int64
	EndedDay  string // the first day on which a superseded set is history
	Reason    string // why it was ended
	Rows      []LevelRow
}

// The verdicts of who compares a row with its source.
const (
	Same    = "same"
	Differs = "differs"
)

// A LevelRow is one row of an entered set, as it was typed.
type LevelRow struct {
	ID        string
	Cells     map[string]string // by column of the table of levels, those of rowColumns
	TypedBy   string
	TypedAt   int64
	Verdict   string // Same, Differs, or "" while nobody compared
	CheckedBy string
	CheckedAt int64
	Remark    string
}

// The columns of a table of levels. What stands in headColumns is the same for all
// rows of a set.
var (
	headColumns = []string{"set_id", "country", "authority", "year", "governing", "show_as_official"}
	rowColumns  = []string{
		"modality", "examination", "exam_code", "clinical_indication", "indication_code", "patient_group",
		"size_min", "size_max", "size_kind", "quantity", "value", "unit", "phantom", "statistic", "min_n",
		"adopted", "published", "valid_from", "valid_to", "review_due", "source_kind", "source", "note", "role", "page",
	}
	// tableColumns are those of a file, in the order of those that the program brings.
	tableColumns = strings.Fields(`set_id country authority year modality examination exam_code clinical_indication
		indication_code patient_group size_min size_max size_kind quantity value unit phantom statistic min_n adopted
		published valid_from valid_to review_due governing show_as_official source_kind source note role page`)
)

// LevelColumns returns the columns of a table of levels, in the order of files.
func LevelColumns() []string { return slices.Clone(tableColumns) }

// levelFolder is where sets of levels have their ids.
const levelFolder = "dose/level/"

// LevelID returns the id of the set that a notice calls name, such as
// DE_DRW_2025. Invalid: it cannot be an id.
func LevelID(name string) (string, error) {
	name = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(name), levelFolder))
	if name == "" || len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return "", fault.Errorf(fault.Invalid, "the name of a set: up to 64 letters, digits and _, such as DE_DRW_2025")
	}
	return levelFolder + name, nil
}

// Name returns what the set is called in its file.
func (s *LevelSet) Name() string { return strings.ToUpper(path.Base(s.ID)) }

// Checked returns how many rows somebody found to be the same as the source.
func (s *LevelSet) Checked() int {
	n := 0
	for _, r := range s.Rows {
		if r.Verdict == Same {
			n++
		}
	}
	return n
}

// Overdue reports whether the review of the set was due before a day.
func (s *LevelSet) Overdue(day string) bool {
	due, _ := content.ParseDate(s.ReviewDue)
	return !due.IsZero() && due.Last() < day
}

// PageOf returns the page of the source that a row stands on.
func (s *LevelSet) PageOf(r LevelRow) string {
	if p := r.Cells["page"]; p != "" {
		return p
	}
	return s.Page
}

// cell returns the text of a column in the file of the set.
func (s *LevelSet) cell(r LevelRow, column string) string {
	if text := r.Cells[column]; text != "" {
		return text
	}
	switch column {
	case "set_id":
		return s.Name()
	case "country":
		return s.Country
	case "authority":
		return s.Authority
	case "year":
		return s.Year
	case "governing":
		return "no" // who governs is a decision of the site, not of the file
	case "show_as_official":
		return yesNo(s.Official)
	case "statistic":
		return s.Statistic
	case "source":
		return s.Source
	case "adopted":
		return s.Adopted
	case "published":
		return s.Published
	case "valid_from":
		return s.ValidFrom
	case "valid_to":
		return s.ValidTo
	case "review_due":
		return s.ReviewDue
	case "page":
		return s.Page
	}
	return ""
}

// yesNo writes a boolean as tables do.
func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// content makes a set of content of the entered one: the same reading, the same
// rules and the same digest as for a set that the program brings. Problems name the
// row by its place: line 2 is the first.
func (s *LevelSet) content() (*content.Set, []content.Problem) {
	return content.Parse(s.ID, map[string][]byte{"set.yaml": s.meta(), "levels.tsv": s.TSV()})
}

// meta writes the set.yaml of the set.
func (s *LevelSet) meta() []byte {
	var b strings.Builder
	status := content.Draft
	if s.CheckedBy != "" {
		status = content.Approved
	}
	for _, f := range [...][2]string{
		{"id", s.ID},
		{"kind", "levels"},
		{"title", s.Title},
		{"publisher", s.Authority},
		{"edition", s.Edition},
		{"licence", "LicenseRef-entered"},
		{"source", s.Source},
		{"url", s.URL},
		{"date", s.Published},
		{"status", status},
		{"valid_from", s.ValidFrom},
		{"valid_to", s.ValidTo},
		{"transcribed_by", s.TypedBy},
		{"checked_by", s.CheckedBy},
		{"notes", s.Note},
	} {
		b.WriteString(f[0] + ": '" + strings.ReplaceAll(f[1], "'", "''") + "'\n")
	}
	b.WriteString("official: " + strconv.FormatBool(s.Official) + "\n")
	return []byte(b.String())
}

// LevelSetOf returns a set that content brings as if it had been entered, to be
// shown and exported alike. It is no set of any site, and cannot be changed.
func LevelSetOf(set *content.Set) (LevelSet, error) {
	s := LevelSet{ID: set.ID, Kind: LevelNotice, State: LevelUsable, Digest: set.Ref().Digest, TypedBy: set.TranscribedBy, CheckedBy: set.CheckedBy, LevelHead: LevelHead{
		Title: set.Title, Authority: set.Publisher, Edition: set.Edition, Source: set.Source, URL: set.URL, Published: set.Date,
		ValidFrom: set.ValidFrom, ValidTo: set.ValidTo, Official: set.Official, Note: set.Notes,
	}}
	table, err := set.Table("levels")
	if err != nil {
		return s, err
	}
	for row := range table.All() {
		s.Country, s.Authority, s.Year = row.Text("country"), row.Text("authority"), row.Text("year")
		cells := map[string]string{}
		for _, c := range rowColumns {
			if table.Has(c) {
				cells[c] = row.Text(c)
			}
		}
		s.Rows = append(s.Rows, LevelRow{Cells: cleaned(cells)})
	}
	return s, nil
}

// LevelWarning says what a row is worth less for than somebody may think: size, no
// size group of the site has its bounds; phantom, it limits CTDIvol and does not say
// of which phantom. "" is nothing.
func (l *Ledger) LevelWarning(siteID string, r LevelRow) string {
	if r.Cells["size_kind"] != "" {
		sizes, err := loadSizes(l.Content, siteID)
		if err != nil || !sizes.knows(r.Cells) {
			return "size"
		}
	}
	q, err := quantities(l.Content, siteID)
	if err == nil && q[r.Cells["quantity"]].measure == MeasureCTDIvol && r.Cells["phantom"] == "" {
		return "phantom"
	}
	return ""
}

// knows reports whether one of the size groups has the bounds of a row.
func (s sizes) knows(cells map[string]string) bool {
	lower, _ := strconv.ParseFloat(cells["size_min"], 64)
	upper, err := strconv.ParseFloat(cells["size_max"], 64)
	g := Group{Kind: cells["size_kind"], Min: lower, Max: upper, HasMax: err == nil}
	return slices.ContainsFunc(slices.Concat(s.head, s.body), g.same)
}
