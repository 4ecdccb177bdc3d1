package dose

import (
	"context"
	"slices"
	"strings"

	"radagora/content"
	"radagora/db"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// Screens finds series of the archive that may show what a scanner displayed of dose.
type Screens interface {
	// Screens returns the series of a period with one of the modalities that have one of
	// the numbers, or one of the words, in lower case, in their description; the latest
	// studies first, at most limit of them.
	Screens(ctx context.Context, siteID string, p Period, modalities []string, numbers []int64, words []string, limit int) ([]Screen, error)
}

// A Screen is an image of what a scanner displayed of dose, of a study that no dose
// report tells of.
type Screen struct {
	Study, Series, SOP                  string // SOP is the first image of the series
	Modality, Manufacturer, Description string
	Number                              int64 // of the series, 0 if it has none
	Machine                             string
	Day, Clock                          string // of the study
	By                                  string // row of dose/screen that it was recognised by
}

// A ScreenPattern is how a dose screen is recognised; everything that it states has to
// hold.
type ScreenPattern struct {
	ID           string
	Manufacturer string // begins so, in lower case
	Modality     string
	Number       int64  // of the series, 0 for any
	Description  string // of the series, holds this, in lower case
	ImageType    string // begins so, in lower case
}

// LoadScreens reads how dose screens are recognised.
func LoadScreens(library *content.Library, siteID string) ([]ScreenPattern, error) {
	table, err := library.Table(siteID, "dose/screen", "screens")
	if err != nil {
		return nil, err
	}
	var all []ScreenPattern
	for row := range table.All() {
		p := ScreenPattern{
			ID: row.Text("screen"), Manufacturer: strings.ToLower(row.Text("manufacturer")), Modality: row.Text("modality"),
			Description: strings.ToLower(row.Text("description")), ImageType: strings.ToLower(row.Text("image_type")),
		}
		if n, ok := row.Number("series_number"); ok {
			p.Number = int64(n)
		}
		if p.Number == 0 && p.Description == "" {
			return nil, fault.Errorf(fault.Invalid, "dose/screen: row %s states neither series_number nor description", p.ID)
		}
		all = append(all, p)
	}
	return all, nil
}

// Holds reports whether what is known of a series without opening it is that of a dose
// screen. Its image type is asked of the image.
func (p ScreenPattern) Holds(s Screen) bool {
	return p.Modality == s.Modality && strings.HasPrefix(strings.ToLower(s.Manufacturer), p.Manufacturer) &&
		(p.Number == 0 || p.Number == s.Number) && strings.Contains(strings.ToLower(s.Description), p.Description)
}

// mostScreens is how many series are looked at.
const mostScreens = 1000

// DoseScreens returns the dose screens of a period whose studies no dose report tells of
// and nobody entered a dose for, the latest first; of each study one, at most limit of them.
// Nothing is read off them: a person types in what they show.
func (l *Ledger) DoseScreens(ctx context.Context, siteID string, p Period, limit int) ([]Screen, error) {
	if l.Screens == nil {
		return nil, nil
	}
	patterns, err := LoadScreens(l.Content, siteID)
	if err != nil {
		return nil, err
	}
	var modalities, words []string
	var numbers []int64
	for _, p := range patterns {
		if !slices.Contains(modalities, p.Modality) {
			modalities = append(modalities, p.Modality)
		}
		if p.Number != 0 {
			numbers = append(numbers, p.Number)
		} else {
			words = append(words, p.Description)
		}
	}
	found, err := l.Screens.Screens(ctx, siteID, p, modalities, numbers, words, mostScreens)
	if err != nil {
		return nil, err
	}
	done, err := l.settledBy(ctx, siteID, found)
	if err != nil {
		return nil, err
	}
	var all []Screen
	for _, s := range found {
		if len(all) == limit {
			break
		}
		if done[s.Study] {
			continue
		}
		if s.By, err = l.screen(ctx, siteID, s, patterns); err != nil {
			return nil, err
		}
		if s.By != "" {
			done[s.Study] = true
			all = append(all, s)
		}
	}
	return all, nil
}

// settledBy returns of which studies nobody has to look at a screen: a dose report or an entry
// counts, or the data of the person are restricted.
func (l *Ledger) settledBy(ctx context.Context, siteID string, found []Screen) (map[string]bool, error) {
	var studies []any
	for _, s := range found {
		studies = append(studies, s.Study)
	}
	var done map[string]bool
	err := l.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if done, err = restricted(ctx, tx, siteID); err != nil {
			return err
		}
		for part := range slices.Chunk(studies, rowsAtOnce) {
			list, err := db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
				`select distinct study_uid from dose_source where site_id = $1 and counted and class <> 'image' and study_uid in (`+holes(2, len(part))+`)`,
				slices.Concat([]any{siteID}, part)...)
			if err != nil {
				return err
			}
			for _, s := range list {
				done[s] = true
			}
		}
		return nil
	})
	return done, err
}

// screen returns the pattern by which a series is a dose screen, "" if it is none.
func (l *Ledger) screen(ctx context.Context, siteID string, s Screen, patterns []ScreenPattern) (string, error) {
	kind, asked := "", false
	for _, p := range patterns {
		if !p.Holds(s) {
			continue
		}
		if p.ImageType != "" && !asked {
			var err error
			if kind, err = l.imageType(ctx, siteID, s.SOP); err != nil {
				return "", err
			}
			asked = true
		}
		if strings.HasPrefix(kind, p.ImageType) {
			return p.ID, nil
		}
	}
	return "", nil
}

// imageType returns the image type of an image in lower case, "" if it is there no more or
// cannot be read.
func (l *Ledger) imageType(ctx context.Context, siteID, sop string) (string, error) {
	u, err := uid.Parse(sop)
	if err != nil {
		return "", nil
	}
	f, closer, err := l.Objects.Open(ctx, siteID, u)
	if k := fault.Of(err); err != nil && (k == fault.NotFound || k == fault.Invalid || k == fault.Unsupported) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer closer.Close()
	return strings.ToLower(strings.Join(f.Texts(tag.ImageType), `\`)), nil
}
