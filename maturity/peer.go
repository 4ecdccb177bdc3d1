package maturity

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// shareFormat names the file of a Share, with its version.
const shareFormat = "radagora-maturity/1"

// MostShare bounds the file of a Share, in bytes.
const MostShare = 64 << 10

// A Share is what a site tells others of a closed assessment: level and attainment, and
// the groups it is compared in. It names nobody, and no answer is in it.
type Share struct {
	Format   string         `json:"format"`
	Kind     Kind           `json:"kind"`
	Day      string         `json:"day"` // of closing
	Edition  string         `json:"edition"`
	Digest   string         `json:"digest"` // of the content that it was scored by
	Country  string         `json:"country,omitempty"`
	Region   string         `json:"region,omitempty"`
	Facility string         `json:"facility,omitempty"`
	Level    int            `json:"level"`
	Floor    int            `json:"floor_level"`
	Areas    map[string]int `json:"areas"` // per cent
}

// A Signed share is the file: the share as it was signed, key and signature in
// hexadecimal (Ed25519 over the bytes of the share).
type Signed struct {
	Share     json.RawMessage `json:"share"`
	Key       string          `json:"key"`
	Signature string          `json:"signature"`
}

// A Group says with whom a site is compared.
type Group struct{ Country, Region, Facility string }

// Share signs what a closed assessment tells others, on behalf of an account that says
// so: agreed is the opt-in. Invalid: nobody agreed. Conflict: the assessment is open.
func (b *Book) Share(ctx context.Context, siteID, by string, kind Kind, id string, g Group, agreed bool) ([]byte, error) {
	if !agreed {
		return nil, fault.Errorf(fault.Invalid, "a result leaves the site only if somebody agrees to it")
	}
	for _, s := range []string{g.Country, g.Region, g.Facility} {
		if !text(s, 80) {
			return nil, fault.Errorf(fault.Invalid, "country, region and facility are text of at most 80 bytes")
		}
	}
	a, err := b.Get(ctx, siteID, kind, id)
	if err != nil {
		return nil, err
	}
	if a.Frozen == nil {
		return nil, fault.Errorf(fault.Conflict, "the assessment %q is open: close it, then it can be compared", a.Name)
	}
	s := Share{Format: shareFormat, Kind: kind, Day: a.Day, Edition: a.Frozen.Content.Edition, Digest: a.Frozen.Content.Digest, Country: g.Country, Region: g.Region, Facility: g.Facility, Areas: map[string]int{}}
	switch {
	case a.Frozen.Result != nil:
		s.Level, s.Floor = a.Frozen.Result.Level, a.Frozen.Result.FloorLevel
		for _, x := range a.Frozen.Result.Areas {
			s.Areas[x.Code] = x.Percent()
		}
	case a.Frozen.Stars != nil:
		s.Level, s.Floor = a.Frozen.Stars.Stars, a.Frozen.Stars.Stars
		for _, x := range a.Frozen.Stars.Topics {
			s.Areas[x.Code] = percent(float64(x.Sum), float64(x.Counted))
		}
	}
	key, err := b.Key()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	public, _ := key.Public().(ed25519.PublicKey)
	out, err := json.MarshalIndent(Signed{raw, hex.EncodeToString(public), hex.EncodeToString(ed25519.Sign(key, raw))}, "", " ")
	if err != nil {
		return nil, err
	}
	return out, b.DB.Write(ctx, func(tx *db.Tx) error {
		return b.journalled(ctx, tx, siteID, by, "maturity.share.exported", id, map[string]any{"kind": kind})
	})
}

// ReadShare reads the file of a share and proves its signature. Invalid: it is none, or
// was changed after it was signed.
func ReadShare(raw []byte) (Share, string, error) {
	var s Share
	if len(raw) > MostShare {
		return s, "", fault.Errorf(fault.Exhausted, "a file of a result has at most %d bytes", MostShare)
	}
	var in Signed
	if err := json.Unmarshal(raw, &in); err != nil {
		return s, "", fault.Errorf(fault.Invalid, "this is no file of a result: it is no JSON of share, key and signature")
	}
	key, err := hex.DecodeString(in.Key)
	signature, err2 := hex.DecodeString(in.Signature)
	var compact bytes.Buffer // indenting the file does not change what was signed
	if err != nil || err2 != nil || len(key) != ed25519.PublicKeySize || json.Compact(&compact, in.Share) != nil || !ed25519.Verify(key, compact.Bytes(), signature) {
		return s, "", fault.Errorf(fault.Invalid, "the signature of the result does not hold: ask whoever sent it for the file again")
	}
	d := json.NewDecoder(bytes.NewReader(compact.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, "", fault.Errorf(fault.Invalid, "the result has fields that are not known here: update the program")
	}
	return s, strings.ToLower(in.Key), s.check()
}

// check refuses a share that cannot be.
func (s *Share) check() error {
	_, err := time.Parse(time.DateOnly, s.Day)
	switch {
	case s.Format != shareFormat:
		return fault.Errorf(fault.Unsupported, "format %q: this program reads %s", s.Format[:min(40, len(s.Format))], shareFormat)
	case s.Kind != Digital && s.Kind != Quality:
		return fault.Errorf(fault.Invalid, "a result is of %s or %s", Digital, Quality)
	case err != nil:
		return fault.Errorf(fault.Invalid, "the day of a result is written as 2026-01-31")
	case s.Level < 0 || s.Level > 7 || s.Floor < 0 || s.Floor > s.Level || len(s.Areas) > 50 || !text(s.Country+s.Region+s.Facility, 240):
		return fault.Errorf(fault.Invalid, "the level or the groups of the result cannot be")
	}
	for area, n := range s.Areas {
		if n < 0 || n > 100 || len(area) > 40 {
			return fault.Errorf(fault.Invalid, "the attainment of an area is 0 to 100")
		}
	}
	return nil
}

// Import keeps the result of another site on behalf of an account. The same site's result
// of the same day replaces the earlier. Invalid: see ReadShare.
func (b *Book) Import(ctx context.Context, siteID, by string, raw []byte) (Share, error) {
	s, key, err := ReadShare(raw)
	if err != nil {
		return s, err
	}
	body, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	return s, b.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into maturity_peer (site_id, signer, kind, day, country, region, facility, body, imported_by, imported_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			on conflict (site_id, signer, kind, day) do update set country = excluded.country, region = excluded.region, facility = excluded.facility,
			body = excluded.body, imported_by = excluded.imported_by, imported_at = excluded.imported_at`,
			siteID, key, s.Kind, s.Day, s.Country, s.Region, s.Facility, string(body), by, db.Millis(b.Now()))
		if err != nil {
			return err
		}
		return b.journalled(ctx, tx, siteID, by, "maturity.share.imported", key[:16], map[string]any{"kind": s.Kind, "day": s.Day})
	})
}

// A Compared is a group of other sites with the newest result of each.
type Compared struct {
	By     string // country, region, facility; "" of all
	Name   string
	N      int
	Hidden bool                 // fewer sites than may be shown: nothing but N stands
	Level  Quartiles            // of levels
	Areas  map[string]Quartiles // of attainments, per cent
}

// Quartiles are the middle of numbers.
type Quartiles struct{ Q1, Median, Q3 float64 }

// Compare returns the groups of other sites: all, then by country, region and facility.
// A group of fewer sites than the rules say is hidden.
func (b *Book) Compare(ctx context.Context, siteID string, kind Kind) ([]Compared, error) {
	m, err := Load(b.Content, siteID)
	if err != nil {
		return nil, err
	}
	newest := map[string]Share{}
	var keys []string
	_, err = db.List(ctx, b.DB, func(r *db.Rows) (struct{}, error) {
		var signer, body string
		if err := r.Scan(&signer, &body); err != nil {
			return struct{}{}, err
		}
		var s Share
		if newest[signer].Format == "" {
			keys = append(keys, signer)
		}
		err := json.Unmarshal([]byte(body), &s)
		newest[signer] = s
		return struct{}{}, fault.As(fault.Internal, err)
	}, `select signer, body from maturity_peer where site_id = $1 and kind = $2 order by day, signer`, siteID, kind)
	if err != nil {
		return nil, err
	}
	groups := map[[2]string][]Share{}
	for _, key := range keys {
		s := newest[key]
		groups[[2]string{}] = append(groups[[2]string{}], s)
		for by, name := range map[string]string{"country": s.Country, "region": s.Region, "facility": s.Facility} {
			if name != "" {
				groups[[2]string{by, name}] = append(groups[[2]string{by, name}], s)
			}
		}
	}
	var out []Compared
	for at, all := range groups {
		c := Compared{By: at[0], Name: at[1], N: len(all), Hidden: float64(len(all)) < m.Rules["group_least"]}
		if !c.Hidden {
			c.fill(all)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Compared) int { return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(a.Name, b.Name)) })
	return out, nil
}

// fill computes the quartiles.
func (c *Compared) fill(all []Share) {
	var levels []float64
	areas := map[string][]float64{}
	for _, s := range all {
		levels = append(levels, float64(s.Level))
		for code, n := range s.Areas {
			areas[code] = append(areas[code], float64(n))
		}
	}
	c.Level, c.Areas = quartiles(levels), map[string]Quartiles{}
	for code, x := range areas {
		if len(x) == len(all) { // of fewer sites it could tell of one
			c.Areas[code] = quartiles(x)
		}
	}
}

// quartiles interpolates linearly between the order statistics (Hyndman and Fan, type 7).
func quartiles(x []float64) Quartiles {
	slices.Sort(x)
	at := func(p float64) float64 {
		i := p * float64(len(x)-1)
		lo := int(math.Floor(i))
		hi := min(lo+1, len(x)-1)
		return x[lo] + (i-float64(lo))*(x[hi]-x[lo])
	}
	return Quartiles{at(0.25), at(0.5), at(0.75)}
}
