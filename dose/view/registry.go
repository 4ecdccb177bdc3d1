package view

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"unicode/utf8"

	"radagora/access"
	"radagora/db"
	"radagora/dose"
	"radagora/fault"
)

// The states of a disclosure.
const (
	Made     = "made"     // nobody said yet what the registry answered
	Accepted = "accepted" // by the registry
	Refused  = "refused"  // by the registry
)

// Answers returns what a registry may answer.
func Answers() []string { return []string{Accepted, Refused} }

// The most a receipt may have.
const (
	MaxReceipt     = 2000    // bytes of text
	MaxReceiptFile = 4 << 20 // bytes of a file
)

// A Disclosure is a file that was made for a registry, and what the registry answered.
type Disclosure struct {
	ID, Site    string
	Number      int64
	Registry    string // its name
	Modality    string
	From, To    string // days
	Layout      string // name and version of the columns
	Format      string
	File        string // its name
	Digest      string // SHA-256 of the file, in hex
	Bytes       int64
	N           int            // rows
	Left        map[string]int // examinations left out, by reason
	MadeBy      string
	MadeAt      int64
	State       string
	Receipt     string // as somebody typed it
	ReceiptName string // of a file that was uploaded
	ReceiptHash string // SHA-256 of it, in hex
	ReceivedBy  string
	ReceivedAt  int64
}

// registry is what a registry is called: it stands in the name of a file.
var registry = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,79}$`)

// CheckRegistry refuses what cannot be the name of a registry.
func CheckRegistry(name string) error {
	if !registry.MatchString(name) {
		return fault.Errorf(fault.Invalid, "registry: its name, 1 to 80 letters, digits, blanks, full stops or dashes")
	}
	return nil
}

// Disclose registers a file that was made for a registry, before it leaves, on behalf of
// whoever asks, and returns it with number and digest.
func (s *Shelf) Disclose(ctx context.Context, d Disclosure, file []byte) (Disclosure, error) {
	if err := CheckRegistry(d.Registry); err != nil {
		return d, err
	}
	left, err := json.Marshal(d.Left)
	if err != nil {
		return d, err
	}
	sum := sha256.Sum256(file)
	d.ID, d.Digest, d.Bytes, d.State = db.NewID(), hex.EncodeToString(sum[:]), int64(len(file)), Made
	d.MadeBy, d.MadeAt = access.From(ctx).ID, db.Millis(s.Now())
	return d, s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.QueryRow(ctx, `select coalesce(max(number), 0) + 1 from doseview_disclosure where site_id = $1`, d.Site).Scan(&d.Number); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `insert into doseview_disclosure (disclosure_id, site_id, number, registry, modality, from_day, to_day, layout, format, file, digest, bytes,
			n, left_out, made_by, made_at, state, receipt, receipt_name, receipt_file, receipt_hash, received_by, received_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, '', '', $18, '', '', 0)`,
			d.ID, d.Site, d.Number, d.Registry, d.Modality, d.From, d.To, d.Layout, d.Format, d.File, d.Digest, d.Bytes, d.N, string(left), d.MadeBy, d.MadeAt, d.State, []byte{}); err != nil {
			return err
		}
		return s.journalled(ctx, tx, d.Site, d.MadeBy, "dose.registry.disclosed", d.ID, map[string]any{
			"number": d.Number, "registry": d.Registry, "modality": d.Modality, "from": d.From, "to": d.To, "layout": d.Layout, "rows": d.N, "left_out": d.Left,
			"sha256": d.Digest, "purpose": string(access.PublicGood),
		})
	})
}

const selectDisclosure = `select disclosure_id, site_id, number, registry, modality, from_day, to_day, layout, format, file, digest, bytes, n, left_out,
	made_by, made_at, state, receipt, receipt_name, receipt_hash, received_by, received_at from doseview_disclosure where site_id = $1`

func scanDisclosure(r *db.Rows) (d Disclosure, err error) {
	var left string
	if err := r.Scan(&d.ID, &d.Site, &d.Number, &d.Registry, &d.Modality, &d.From, &d.To, &d.Layout, &d.Format, &d.File, &d.Digest, &d.Bytes, &d.N, &left,
		&d.MadeBy, &d.MadeAt, &d.State, &d.Receipt, &d.ReceiptName, &d.ReceiptHash, &d.ReceivedBy, &d.ReceivedAt); err != nil {
		return d, err
	}
	return d, fault.As(fault.Internal, json.Unmarshal([]byte(left), &d.Left))
}

// Disclosures returns what went to registries, the latest first.
func (s *Shelf) Disclosures(ctx context.Context, siteID string) ([]Disclosure, error) {
	return db.List(ctx, s.DB, scanDisclosure, selectDisclosure+` order by number desc`, siteID)
}

// Disclosure returns one by its number. NotFound: there is none.
func (s *Shelf) Disclosure(ctx context.Context, siteID string, number int64) (Disclosure, error) {
	all, err := db.List(ctx, s.DB, scanDisclosure, selectDisclosure+` and number = $2`, siteID, number)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.NotFound, "no disclosure %d", number)
	}
	if err != nil {
		return Disclosure{}, err
	}
	return all[0], nil
}

// A Receipt is what a registry answered.
type Receipt struct {
	State string // one of Answers
	Text  string
	Name  string // of a file
	File  []byte
}

// Receive keeps what a registry answered, on behalf of whoever asks. Invalid: it says
// nothing, or too much. Conflict: it was answered before, and an answer stays.
func (s *Shelf) Receive(ctx context.Context, siteID string, number int64, r Receipt) error {
	r.Text, r.Name = strings.TrimSpace(r.Text), strings.TrimSpace(r.Name)
	switch {
	case r.State != Accepted && r.State != Refused:
		return fault.Errorf(fault.Invalid, "a registry answers: accepted or refused")
	case r.Text == "" && len(r.File) == 0:
		return fault.Errorf(fault.Invalid, "a receipt is its number or words, or the file that the registry sent")
	case len(r.Text) > MaxReceipt || len(r.Name) > 200 || !utf8.ValidString(r.Text) || !utf8.ValidString(r.Name):
		return fault.Errorf(fault.Invalid, "receipt: longer than %d bytes, or its name longer than 200", MaxReceipt)
	case len(r.File) > MaxReceiptFile:
		return fault.Errorf(fault.Invalid, "receipt: a file of more than %d MiB", MaxReceiptFile>>20)
	}
	d, err := s.Disclosure(ctx, siteID, number)
	if err != nil {
		return err
	}
	if d.State != Made {
		return fault.Errorf(fault.Conflict, "disclosure %d has its receipt already: make a new one if the registry asks for corrections", number)
	}
	hash := ""
	if len(r.File) > 0 {
		sum := sha256.Sum256(r.File)
		hash = hex.EncodeToString(sum[:])
	} else {
		r.File = []byte{}
	}
	by := access.From(ctx).ID
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update doseview_disclosure set state = $3, receipt = $4, receipt_name = $5, receipt_file = $6, receipt_hash = $7, received_by = $8, received_at = $9
			where site_id = $1 and number = $2 and state = 'made'`, siteID, number, r.State, r.Text, r.Name, r.File, hash, by, db.Millis(s.Now()))
		if err == nil && n == 0 {
			err = fault.Errorf(fault.Conflict, "disclosure %d has its receipt already", number)
		}
		if err != nil {
			return err
		}
		return s.journalled(ctx, tx, siteID, by, "dose.registry.answered", d.ID, map[string]any{"number": number, "state": r.State, "sha256": hash})
	})
}

// ReceiptFile returns the file that a registry sent. NotFound: there is none.
func (s *Shelf) ReceiptFile(ctx context.Context, siteID string, number int64) (name string, file []byte, err error) {
	err = s.DB.QueryRow(ctx, `select receipt_name, receipt_file from doseview_disclosure where site_id = $1 and number = $2`, siteID, number).Scan(&name, &file)
	if err == nil && len(file) == 0 {
		err = fault.Errorf(fault.NotFound, "disclosure %d has no receipt in a file", number)
	}
	return name, file, err
}

// Why examinations do not go to a registry, besides those of dose.
const (
	LeftUnwilling   = "no_secondary" // the person asked not to be used beyond care, or nobody knows them
	LeftUnmapped    = "unmapped"     // nobody said what its name means
	LeftNoValue     = "no_value"     // without any dose
	LeftUndated     = "undated"
	LeftImplausible = "implausible" // a dose below zero, or none at all of a scan
	LeftAge         = "no_age_group"
)

// A Disclosed is an examination as a registry gets it: nothing that names a person, an
// order, a study, a machine or a day.
type Disclosed struct {
	Row        int // number of the row in the file, from 1
	Year       string
	Month      string // 2006-01
	Exam       string
	Indication string
	KnownBy    string
	AgeYears   int64 // in whole years; 90 for those older
	Weight     *float64
	Room       int // number of the room in this file
	Item       *dose.Item
}

// oldest is the age in years above which no age is told (HIPAA Safe Harbor,
// 45 CFR 164.514(b)(2)(i)(C)).
const oldest = 90

// Prepare makes the rows for a registry of the examinations of a period, and says why the
// others are left out. Those of persons who do not want it are not among them: missing
// says how many those are.
func Prepare(items []*dose.Item, missing int) (rows []Disclosed, left map[string]int) {
	left = map[string]int{}
	if missing > 0 {
		left[LeftUnwilling] = missing
	}
	rooms := map[string]int{}
	for _, i := range items {
		if why := unfit(i); why != "" {
			left[why]++
			continue
		}
		if rooms[i.Room] == 0 {
			rooms[i.Room] = len(rooms) + 1
		}
		rows = append(rows, Disclosed{
			Row: len(rows) + 1, Year: i.Day[:4], Month: i.Day[:7], Exam: i.Exam, Indication: i.Indication, KnownBy: string(i.KnownBy),
			AgeYears: min(*i.AgeMonths/12, oldest), Weight: i.Weight, Room: rooms[i.Room], Item: i,
		})
	}
	return rows, left
}

// unfit says why an examination does not go to a registry, "" if it does.
func unfit(i *dose.Item) string {
	values := map[string]float64{}
	if i.DLP != nil {
		values["dlp"] = *i.DLP
	}
	for _, v := range i.CTDIvol {
		values["ctdivol"] = max(values["ctdivol"], v)
	}
	for q, v := range i.Amounts {
		values[string(q)] = v
	}
	switch {
	case len(i.Day) < len("2006-01-02"):
		return LeftUndated
	case i.Excluded == dose.ExcludedNotPatient:
		return i.Excluded
	case i.Exam == "":
		return LeftUnmapped
	case len(values) == 0:
		return LeftNoValue
	case i.AgeMonths == nil || *i.AgeMonths < 0:
		return LeftAge
	case i.Excluded != "" && i.Excluded != dose.ExcludedSize && i.Excluded != dose.ExcludedSizeless:
		return i.Excluded
	}
	for q, v := range values {
		if v < 0 || v == 0 && q == "dlp" || math.IsNaN(v) || math.IsInf(v, 0) {
			return LeftImplausible
		}
	}
	return ""
}
