package exchange

import (
	"context"
	"maps"
	"slices"

	"radagora/archive"
	"radagora/dicom/uid"
)

// A Source asks peers what they have, and fetches it. What a peer refuses is a
// *RefusedError; NotFound is a peer that is not known or cannot be called, Unsupported one
// that does not offer the service.
type Source interface {
	// Search returns the studies of a peer that q asks for, at most q.Limit.
	Search(ctx context.Context, site, peer string, q Search) ([]Found, error)
	// Holdings returns the instances of a study, of the series that narrow leaves.
	Holdings(ctx context.Context, site, peer string, study uid.UID, narrow func([]FarSeries) []FarSeries) ([]Far, error)
	// Fetch has what is wanted sent here and returns by which way. told is told how
	// many came; it ends with the first error of told.
	Fetch(ctx context.Context, site, peer string, w Wanted, way Way, told func(n int) error) (Way, error)
}

// A Way is how a study is fetched.
type Way string

// The ways.
const (
	AnyWay Way = ""     // by C-GET if the peer offers it, else by C-MOVE
	ByGet  Way = "get"  // C-GET: the study comes on the same association
	ByMove Way = "move" // C-MOVE: the peer calls us
)

// A Search asks a peer for studies. Empty fields ask nothing.
type Search struct {
	PatientID, PatientName, Accession archive.Personal // the name as DICOM writes it; * and ? stand for anything
	From, Until                       string           // YYYYMMDD, both included
	Modality                          string
	Study                             uid.UID
	Limit                             int // 0 is mostFound
}

// mostFound bounds what one question to a peer may find.
const mostFound = 1_000_000

// Most returns how many studies may be found.
func (q Search) Most() int {
	if q.Limit < 1 || q.Limit > mostFound {
		return mostFound
	}
	return q.Limit
}

// A Found is a study that a peer says it has.
type Found struct {
	UID                                          uid.UID
	PatientID, PatientName, BirthDate, Accession archive.Personal
	Date, Time, Description                      string
	Modalities                                   []string
	Series, Instances                            int64 // by the peer's own count; -1: it gives none
}

// A FarSeries is a series that a peer says it has.
type FarSeries struct {
	UID      uid.UID
	Modality string
}

// A Far is an instance that a peer says it has.
type Far struct {
	Series   FarSeries
	SOP      uid.UID
	SOPClass uid.UID // the zero UID if the peer does not say
	Number   int64
}

// A Wanted is what is to be fetched of a study: the whole of it, or series and
// instances.
type Wanted struct {
	Study   uid.UID
	Whole   bool
	Series  []uid.UID             // whole series
	Some    map[uid.UID][]uid.UID // instances by series
	Classes []uid.UID             // of what is wanted; none: the peer does not say
}

// want returns what must be fetched for everything in there to be in here. whole says
// that there is all that the peer has of the study.
func want(study uid.UID, there []Far, here map[uid.UID]bool, whole bool) Wanted {
	w := Wanted{Study: study, Some: map[uid.UID][]uid.UID{}}
	total, missing, classes := map[uid.UID]int{}, 0, map[uid.UID]bool{}
	for _, f := range there {
		total[f.Series.UID]++
		if !here[f.SOP] {
			missing++
			w.Some[f.Series.UID] = append(w.Some[f.Series.UID], f.SOP)
			classes[f.SOPClass] = true
		}
	}
	if !classes[uid.UID{}] {
		w.Classes = slices.SortedFunc(maps.Keys(classes), compare)
	}
	if whole && missing == len(there) {
		return Wanted{Study: study, Whole: true, Classes: w.Classes}
	}
	for series, list := range w.Some {
		if whole && len(list) == total[series] {
			w.Series = append(w.Series, series)
			delete(w.Some, series)
		}
	}
	slices.SortFunc(w.Series, compare)
	return w
}

func compare(a, b uid.UID) int {
	switch x, y := a.String(), b.String(); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// narrow returns what of a study a part is about.
func (p Part) narrow(all []FarSeries) []FarSeries {
	if p == All {
		return all
	}
	reports := slices.DeleteFunc(slices.Clone(all), func(s FarSeries) bool { return s.Modality != "SR" })
	if p == Reports || len(reports) > 0 {
		return reports
	}
	return slices.DeleteFunc(slices.Clone(all), func(s FarSeries) bool { return withoutDose[s.Modality] })
}

// withoutDose are modalities of series that no radiation was given for: PS3.3 C.7.3.1.1.1.
var withoutDose = map[string]bool{
	"PR": true, "KO": true, "DOC": true, "SEG": true, "REG": true, "AU": true, "OT": true, "SR": true, "MR": true, "US": true,
	"RTSTRUCT": true, "RTPLAN": true, "RTDOSE": true, "RTRECORD": true, "FID": true, "HC": true, "PLAN": true,
}

// singleShots are modalities of which each image is an irradiation event of its own;
// of others, a series is.
var singleShots = map[string]bool{"CR": true, "DX": true, "MG": true, "XA": true, "RF": true, "IO": true, "PX": true}

// thin leaves, where a part is about doses and the peer has no report, one instance for
// each irradiation event.
func (p Part) thin(all []Far) []Far {
	if p != Doses {
		return all
	}
	first, out := map[uid.UID]int{}, []Far{}
	for _, f := range all {
		i, known := first[f.Series.UID]
		switch {
		case f.Series.Modality == "SR" || singleShots[f.Series.Modality]:
			out = append(out, f)
		case !known:
			first[f.Series.UID] = len(out)
			out = append(out, f)
		case f.Number < out[i].Number || f.Number == out[i].Number && compare(f.SOP, out[i].SOP) < 0:
			out[i] = f
		}
	}
	return out
}
