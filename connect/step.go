package connect

import (
	"slices"
	"strings"

	"radagora/hl7"
	"radagora/worklist"
)

// partsOf divides a message into what is about one scheduled step each: the orders,
// each IPC of one that has several, and the services (AIS) of an appointment.
func partsOf(kind string, all hl7.Group) (parts []hl7.Group) {
	switch kind {
	case "ORM", "OMG", "OMI", "OML":
		for _, o := range all.Orders() {
			parts = append(parts, each(o.Group, o.Of("IPC"), "IPC")...)
		}
	case "SIU":
		var services hl7.Group
		for _, s := range all.Begun("AIS", "RGS", "PID") {
			if s[0].Name() == "AIS" {
				services = append(services, s[0])
			}
		}
		parts = each(all, services, "AIS")
		for i := range parts[:min(len(parts), len(services))] {
			parts[i] = append(around(all, i), parts[i]...)
		}
	}
	return parts
}

// each returns the group once for each of the segments, without the others of that
// name; the group itself if there are not several.
func each(g, several hl7.Group, name string) []hl7.Group {
	if len(several) < 2 {
		return []hl7.Group{g}
	}
	rest := slices.DeleteFunc(slices.Clone(g), func(s hl7.Segment) bool { return s.Name() == name })
	parts := make([]hl7.Group, 0, len(several))
	for _, s := range several {
		parts = append(parts, append(slices.Clone(rest), s))
	}
	return parts
}

// around returns the things and places (AIG, AIL) that stand behind the nth service of
// an appointment, before the next one.
func around(all hl7.Group, n int) hl7.Group {
	for _, s := range all.Begun("AIS", "RGS", "PID") {
		if s[0].Name() != "AIS" {
			continue
		}
		if n--; n < 0 {
			return s.Of("AIG", "AIL")
		}
	}
	return nil
}

// gathered makes one order of what is told of one order: steps that bear the same
// numbers and requested procedure.
func gathered(list []Order) (all []Order) {
	for _, o := range list {
		i := slices.IndexFunc(all, func(h Order) bool {
			return h.Control == o.Control && h.Numbers == o.Numbers && h.Numbers != (worklist.Numbers{}) && h.Requested.ProcedureID == o.Requested.ProcedureID
		})
		if i < 0 {
			all = append(all, o)
			continue
		}
		h := &all[i].Requested
		if s := o.Requested.Steps[0]; !slices.ContainsFunc(h.Steps, func(had worklist.Step) bool { return sameStep(had, s) }) {
			h.Steps = append(h.Steps, s)
		}
	}
	return all
}

// sameStep reports whether two steps of one message are one.
func sameStep(a, b worklist.Step) bool {
	if a.ID != "" || b.ID != "" {
		return a.ID == b.ID
	}
	return a.Start == b.Start && a.Modality == b.Modality && a.Description == b.Description
}

// usual returns the modality that the mapping gives for the code of a procedure, for
// orders that name none. A code of the mapping that ends with * stands for all that
// begin so.
func (m *Mapping) usual(c *worklist.Code) string {
	if c == nil {
		return ""
	}
	if v := m.code("procedure", c.Scheme, c.Value); v != "" {
		return v
	}
	for _, row := range m.codes["procedure"] {
		begin, open := strings.CutSuffix(row.code, "*")
		if open && begin != "" && strings.HasPrefix(c.Value, begin) && (row.system == "*" || strings.EqualFold(row.system, c.Scheme)) {
			return row.value
		}
	}
	return ""
}
