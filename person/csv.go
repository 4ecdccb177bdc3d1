package person

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/fault"
)

// sizeColumns are those of a file of sizes, in any order. Of height and weight one may
// be left out, with its unit.
var sizeColumns = []string{"id", "issuer", "date", "height", "height_unit", "weight", "weight_unit"}

// sizeUnits are the units of a file of sizes, and how many m or kg one of each is.
var sizeUnits = map[FactKind]map[string]float64{
	Height: {"m": 1, "cm": 0.01, "mm": 0.001, "[in_i]": 0.0254},
	Weight: {"kg": 1, "g": 0.001, "[lb_av]": 0.45359237},
}

// A LineError is what is wrong with a line of a file, without what stands in it.
type LineError struct {
	Line   int
	Column string
	What   string
}

// Error implements error.
func (e LineError) Error() string { return fmt.Sprintf("line %d, %s: %s", e.Line, e.Column, e.What) }

// maxSizes bounds the lines of a file of sizes.
const maxSizes = 100_000

// ReadSizes reads a file of sizes: CSV with a line of column names (id, issuer, date,
// height, height_unit, weight, weight_unit), separated by commas, semicolons or tabs.
// Units are m, cm, mm, [in_i] and kg, g, [lb_av] (UCUM); dates are days, or days with a
// time as 2006-01-02T15:04, in the zone. key names persons as every room does. It
// returns the facts, without a source, and what is wrong with which line; whoever calls
// keeps nothing if anything is. An error is one of the whole file (Invalid).
func ReadSizes(r io.Reader, site string, zone *time.Location, key func(issuer, id string) string) (facts []Fact, wrong []LineError, err error) {
	text, err := io.ReadAll(io.LimitReader(r, 64<<20))
	if err != nil {
		return nil, nil, err
	}
	in := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff")))
	head, _, _ := strings.Cut(string(text), "\n")
	for _, c := range ";\t" {
		if strings.ContainsRune(head, c) {
			in.Comma = c
		}
	}
	in.FieldsPerRecord = -1
	names, err := in.Read()
	if err != nil {
		return nil, nil, fault.Errorf(fault.Invalid, "sizes: the first line names the columns: %s", strings.Join(sizeColumns, ", "))
	}
	at := map[string]int{}
	for i, n := range names {
		n = strings.ToLower(strings.TrimSpace(n))
		if _, twice := at[n]; twice || !slices.Contains(sizeColumns, n) {
			return nil, nil, fault.Errorf(fault.Invalid, "sizes: column %d is none of %s, or there twice", i+1, strings.Join(sizeColumns, ", "))
		}
		at[n] = i
	}
	for _, n := range []string{"id", "date"} {
		if _, ok := at[n]; !ok {
			return nil, nil, fault.Errorf(fault.Invalid, "sizes: there is no column %s", n)
		}
	}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return facts, wrong, nil
		}
		if err != nil {
			return nil, nil, fault.Errorf(fault.Invalid, "sizes: a line that is no CSV")
		}
		line, _ := in.FieldPos(0)
		if line > maxSizes {
			return nil, nil, fault.Errorf(fault.Invalid, "sizes: more than %d lines", maxSizes)
		}
		l := sizeLine{line: line, get: func(name string) string {
			i, ok := at[name]
			if !ok || i >= len(record) {
				return ""
			}
			return strings.TrimSpace(record[i])
		}}
		found, bad := l.facts(site, zone, key)
		facts, wrong = append(facts, found...), append(wrong, bad...)
	}
}

// A sizeLine is one line of a file of sizes.
type sizeLine struct {
	line int
	get  func(column string) string
}

// facts reads the line.
func (l sizeLine) facts(site string, zone *time.Location, key func(issuer, id string) string) (facts []Fact, wrong []LineError) {
	bad := func(column, what string) { wrong = append(wrong, LineError{l.line, column, what}) }
	id := l.get("id")
	if id == "" {
		bad("id", "is missing")
	}
	when, err := time.ParseInLocation("2006-01-02T15:04", l.get("date"), zone)
	if err != nil {
		if when, err = time.ParseInLocation(time.DateOnly, l.get("date"), zone); err != nil {
			bad("date", "write a day as 2026-01-31, or with a time as 2026-01-31T08:15")
		}
		when = when.Add(12 * time.Hour)
	}
	for _, kind := range []FactKind{Height, Weight} {
		raw, unit := l.get(string(kind)), l.get(string(kind)+"_unit")
		if raw == "" {
			continue
		}
		n, err := strconv.ParseFloat(strings.Replace(raw, ",", ".", 1), 64)
		factor, known := sizeUnits[kind][unit]
		switch {
		case err != nil || n <= 0 || n >= 1e6:
			bad(string(kind), "is no number above zero")
			continue
		case !known:
			bad(string(kind)+"_unit", "is none of m, cm, mm, [in_i] for heights, kg, g, [lb_av] for weights")
			continue
		}
		facts = append(facts, Fact{
			Site: site, Key: key(l.get("issuer"), id), Kind: kind, Value: strconv.FormatFloat(n*factor, 'g', 6, 64), Received: raw + " " + unit, At: when, Source: FromCSV,
		})
	}
	if len(facts) == 0 && len(wrong) == 0 {
		bad("weight", "neither height nor weight is there")
	}
	return facts, wrong
}
