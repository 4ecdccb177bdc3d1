package dimse

import (
	"radagora/dicom/uid"
)

// SOP class extended negotiation, PS3.7 section D.3.3.5, of the classes that define
// one: query and retrieve (PS3.4 sections C.5.1 to C.5.3), modality worklist (K.5.1)
// and storage (B.3.1). The SOP class common extended negotiation (PS3.7 section
// D.3.3.6) says something and asks nothing: it is read, and has no answer.

// Options are what an SOP class extended negotiation of a query or retrieve class
// asks for, or what was agreed to.
type Options struct {
	Relational bool // keys of any level without the unique keys above
	DateTime   bool // a date and a time range are one range
	Fuzzy      bool // fuzzy semantic matching of person names
	Timezone   bool // dates and times are adjusted to Timezone Offset From UTC
	Enhanced   bool // views of enhanced multi-frame images as single frames
}

// flags returns where each option stands, by byte, for a kind of service. C-MOVE and
// C-GET have two of them (PS3.4 Tables C.5-3 and C.5-5).
func (o *Options) flags(kind ServiceKind) []*bool {
	if kind == Moving || kind == Getting {
		return []*bool{&o.Relational, &o.Enhanced}
	}
	return []*bool{&o.Relational, &o.DateTime, &o.Fuzzy, &o.Timezone, &o.Enhanced}
}

// read takes the options from an application information field.
func (o *Options) read(kind ServiceKind, info []byte) {
	for i, f := range o.flags(kind) {
		if i < len(info) {
			*f = info[i] == 1
		}
	}
}

// info returns o as an application information field.
func (o Options) info(kind ServiceKind) []byte {
	var b []byte
	for _, f := range o.flags(kind) {
		b = append(b, flag(*f))
	}
	return b
}

// and returns what both want.
func (o Options) and(p Options) Options {
	return Options{
		Relational: o.Relational && p.Relational, DateTime: o.DateTime && p.DateTime, Fuzzy: o.Fuzzy && p.Fuzzy,
		Timezone: o.Timezone && p.Timezone, Enhanced: o.Enhanced && p.Enhanced,
	}
}

// storageInfo is what we are as an SCP of storage, PS3.4 Table B.3-2: level 2, all
// elements kept; signature level 3, what comes stays as it is, bit by bit; elements
// not coerced, or perhaps.
func storageInfo(coerces bool) []byte { return []byte{2, 0, 3, 0, flag(coerces), 0} }

// extend answers the SOP class extended negotiations for the classes accepted, and
// returns the options agreed to by class. The answer is as long as the question.
func (n *negotiator) extend(asked []extended, contexts []Context) (answer []extended, agreed map[uid.UID]Options) {
	agreed = map[uid.UID]Options{}
	for _, x := range asked {
		class, err := uid.Parse(x.class)
		if err != nil || !accepts(contexts, class) {
			continue
		}
		var info []byte
		switch s, _ := n.service(class); s.Kind {
		case Storing:
			info = storageInfo(n.Contexts.Coerces)
		case Querying, Scheduling, Moving, Getting:
			var o Options
			o.read(s.Kind, x.info)
			o = o.and(n.Contexts.Options)
			agreed[class] = o
			info = o.info(s.Kind)
		default:
			continue
		}
		answer = append(answer, extended{class: x.class, info: info[:min(len(info), len(x.info))]})
	}
	return answer, agreed
}

// accepts reports whether a class was accepted.
func accepts(contexts []Context, class uid.UID) bool {
	for _, c := range contexts {
		if c.Result == Accepted && c.SOPClass == class {
			return true
		}
	}
	return false
}
