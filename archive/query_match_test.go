package archive_test

import (
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// four are studies to be asked for.
func four(b *bench) {
	code := func(value string) *dicom.Builder {
		return dicom.NewBuilder().Text(tag.CodeValue, value).Text(tag.CodingSchemeDesignator, "L")
	}
	for i, s := range []struct {
		name, date, clock, zone, age, step, code string
	}{
		{"Müller^Ännchen", "20240101", "2330", "+0000", "040Y", "SPS1", "C1"},
		{"Lukasiewicz^Jan Piotr", "20240102", "0030", "", "", "", "C2"},
		{"Yamada^Tarou=山田^太郎=やまだ^たろう", "20240103", "1200", "+0900", "", "SPS3", ""},
		{"LEAK^CANARY", "20240104", "", "", "", "", ""},
	} {
		b.mustStore(thing{study: i + 1, series: 1, instance: 1, patient: "P" + s.step, name: s.name, set: func(b *dicom.Builder) {
			b.Text(tag.StudyDate, s.date).Text(tag.StudyTime, s.clock).Text(tag.PatientAge, s.age)
			if s.zone != "" {
				b.Text(tag.TimezoneOffsetFromUTC, s.zone)
			}
			if s.step != "" {
				b.Sequence(tag.RequestAttributesSequence, dicom.NewBuilder().Text(tag.ScheduledProcedureStepID, s.step).Text(tag.RequestedProcedureID, "RP"+s.step).
					Sequence(tag.ScheduledProtocolCodeSequence, code("P"+s.step)))
			}
			if s.code != "" {
				b.Sequence(tag.ProcedureCodeSequence, code("X"), code(s.code))
			}
		}}.arrival(b.t), archive.Added)
	}
	if err := b.Prepare(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func TestFindMatching(t *testing.T) {
	zone := time.FixedZone("", 3600)
	each(t, func(t *testing.T, b *bench) {
		four(b)
		for _, c := range []struct {
			name string
			q    archive.Query
			keys []string
			want string
		}{
			{"nothing asked", archive.Query{}, nil, "4 3 2 1"},
			{"asterisk alone", archive.Query{}, []string{"PatientName=*"}, "4 3 2 1"},
			{"names in any order", archive.Query{Fuzzy: true}, []string{"PatientName=piotr lukasiewicz"}, "2"},
			{"names with letters exchanged", archive.Query{Fuzzy: true}, []string{"PatientName=lukasiewizc"}, "2"},
			{"names with a letter left out", archive.Query{Fuzzy: true}, []string{"PatientName=mulle annchen"}, "1"},
			{"not fuzzy, not found", archive.Query{}, []string{"PatientName=lukasiewizc"}, ""},
			{"another word, not found", archive.Query{Fuzzy: true}, []string{"PatientName=muller jan"}, ""},
			{"ideographic group by place", archive.Query{}, []string{"PatientName==山田*"}, "3"},
			{"phonetic group by place", archive.Query{}, []string{"PatientName===やまだ^たろう"}, "3"},
			{"group in another place", archive.Query{}, []string{"PatientName==やまだ*"}, ""},
			{"sequence in the index", archive.Query{}, []string{"RequestAttributesSequence/ScheduledProcedureStepID=SPS1"}, "1"},
			{"sequence by wildcard", archive.Query{}, []string{"RequestAttributesSequence/RequestedProcedureID=RP*"}, "3 1"},
			{"both of one item", archive.Query{}, []string{"RequestAttributesSequence/RequestedProcedureID=RPSPS1", "RequestAttributesSequence/ScheduledProcedureStepID=SPS3"}, ""},
			{"sequence of the header", archive.Query{}, []string{"ProcedureCodeSequence/CodeValue=C2"}, "2"},
			{"another item of it", archive.Query{}, []string{"ProcedureCodeSequence/CodeValue=X"}, "2 1"},
			{"two attributes of one item", archive.Query{}, []string{"ProcedureCodeSequence/CodeValue=C1", "ProcedureCodeSequence/CodingSchemeDesignator=M"}, ""},
			{"header of the first instance", archive.Query{}, []string{"PatientAge=040Y"}, "1"},
			{"dates and times apart", archive.Query{}, []string{"StudyDate=20240101-20240103", "StudyTime=2300-2359"}, "1"},
			{"date and time as one", archive.Query{DateTime: true}, []string{"StudyDate=20240101-20240103", "StudyTime=2300-1100"}, "2 1"},
			{"date and time as one, open", archive.Query{DateTime: true}, []string{"StudyDate=20240102-", "StudyTime=0100-"}, "4 3"},
			{"date in another zone", archive.Query{Timezone: zone}, []string{"StudyDate=20240102", "TimezoneOffsetFromUTC=+0100"}, "2 1"},
			{"time in another zone", archive.Query{Timezone: zone}, []string{"StudyTime=04", "TimezoneOffsetFromUTC=+0100"}, "3"},
			{"moment in another zone", archive.Query{Timezone: zone, DateTime: true}, []string{"StudyDate=20240102-20240103", "StudyTime=0020-0300", "TimezoneOffsetFromUTC=+0100"}, "2 1"},
			{"an offset is a key where none was negotiated", archive.Query{}, []string{"TimezoneOffsetFromUTC=+0900"}, "3"},
			{"empty", archive.Query{}, []string{`StudyTime=""`}, "4"},
			{"SOP classes", archive.Query{}, []string{"SOPClassesInStudy=1.2.840.10008.5.1.4.1.1.2"}, "4 3 2 1"},
			{"other SOP classes", archive.Query{}, []string{"SOPClassesInStudy=1.2.840.10008.5.1.4.1.1.4"}, ""},
			{"list of UIDs", archive.Query{}, []string{`StudyInstanceUID=1.2.3.4\1.2.3.2\1.2.3.9`}, "4 2"},
			{"a private key asks nothing it has not", archive.Query{}, []string{"PatientID=P"}, "4 2"},
		} {
			t.Run(c.name, func(t *testing.T) {
				c.q.Level, c.q.Reach, c.q.Keys = archive.StudyLevel, everybody, ask(t, c.keys...)
				if got := b.found(c.q, tag.StudyInstanceUID); got != c.want {
					t.Errorf("found %s; want %s", got, c.want)
				}
				if n, err := b.Count(t.Context(), site, c.q); err != nil || n != int64(len(strings.Fields(c.want))) {
					t.Errorf("Count = %d, %v", n, err)
				}
			})
		}
		q := archive.Query{Level: archive.StudyLevel, Reach: everybody, Timezone: zone, Keys: ask(t, "StudyInstanceUID=1.2.3.1", "TimezoneOffsetFromUTC=+0900", "StudyDate", "StudyTime")}
		if d, c, z := b.found(q, tag.StudyDate), b.found(q, tag.StudyTime), b.found(q, tag.TimezoneOffsetFromUTC); d+c+z != "202401020830+0900" {
			t.Errorf("told in another zone: %s %s %s", d, c, z)
		}
	})
}

func TestFindAnswers(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		four(b)
		one := func(q archive.Query) *dicom.Dataset {
			for d, err := range b.Find(t.Context(), site, q) {
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			t.Fatal("nothing found")
			return nil
		}
		d := one(archive.Query{Level: archive.StudyLevel, Reach: everybody, Keys: ask(t, "PatientAge", "SOPClassesInStudy", "ModalitiesInStudy", "ProcedureCodeSequence/CodeValue", "PatientName=yam*", "ReasonForStudy")})
		if d.Text(tag.PatientName) != "Yamada^Tarou=山田^太郎=やまだ^たろう" || d.Text(tag.SpecificCharacterSet) != "ISO_IR 192" || d.Text(tag.SOPClassesInStudy) == "" ||
			d.Text(tag.ModalitiesInStudy) != "CT" || !d.Has(tag.ReasonForStudy) || !d.Has(tag.ProcedureCodeSequence) || d.Has(tag.StudyDate) {
			t.Errorf("answer: %v", d)
		}
		d = one(archive.Query{Level: archive.SeriesLevel, Reach: everybody, Keys: ask(t, "StudyInstanceUID=1.2.3.1", "RequestAttributesSequence")})
		if item := d.Item(tag.RequestAttributesSequence); item.Text(tag.ScheduledProcedureStepID) != "SPS1" || item.Text(tag.RequestedProcedureID) != "RPSPS1" {
			t.Errorf("request attributes: %v", item)
		}
		d = one(archive.Query{Level: archive.ImageLevel, Reach: everybody, All: true, Keys: ask(t, "StudyInstanceUID=1.2.3.1")})
		if d.Text(tag.PatientAge) != "040Y" || d.Item(tag.ProcedureCodeSequence).Text(tag.CodeValue) != "X" || d.Text(tag.NumberOfStudyRelatedInstances) != "1" {
			t.Errorf("everything: %v", d)
		}
		d = one(archive.Query{Level: archive.StudyLevel, Reach: everybody, All: true, Keys: ask(t, "StudyInstanceUID=1.2.3.1")})
		if d.Text(tag.PatientAge) != "040Y" || d.Text(tag.StudyDescription) == "" || d.Has(tag.InstanceNumber) {
			t.Errorf("everything of a study: %v", d)
		}
		hidden := access.Reach{All: true}
		d = one(archive.Query{Level: archive.ImageLevel, Reach: hidden, All: true, Keys: ask(t, "StudyInstanceUID=1.2.3.1", "PatientName", "OtherPatientIDs")})
		for e := range d.All() {
			if s := e.Text(); strings.Contains(s, "ller") || strings.HasPrefix(s, "PSPS") || strings.Contains(s, "LEAK") || s == "19700101" {
				t.Errorf("%v is shown to somebody who may not see identities", e.Tag())
			}
		}
		if !d.Has(tag.PatientName) || d.Text(tag.Modality) != "CT" {
			t.Errorf("without identity: %v", d)
		}
	})
}

func TestFindRefusals(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		four(b)
		for _, c := range []struct {
			name string
			q    archive.Query
			keys []string
			want fault.Kind
			tag  tag.Tag
		}{
			{"no level", archive.Query{Level: "FRAME"}, nil, fault.Invalid, tag.QueryRetrieveLevel},
			{"no date", archive.Query{}, []string{"StudyDate=2024"}, fault.Invalid, tag.StudyDate},
			{"no range", archive.Query{}, []string{"StudyDate=20240101-2024"}, fault.Invalid, tag.StudyDate},
			{"no time", archive.Query{}, []string{"StudyTime=2500"}, fault.Invalid, tag.StudyTime},
			{"a wildcard in a UID", archive.Query{}, []string{"StudyInstanceUID=1.2.*"}, fault.Invalid, tag.StudyInstanceUID},
			{"no number", archive.Query{}, []string{"SeriesNumber=a"}, fault.Invalid, tag.SeriesNumber},
			{"no offset", archive.Query{Timezone: time.UTC}, []string{"TimezoneOffsetFromUTC=CET"}, fault.Invalid, tag.TimezoneOffsetFromUTC},
			{"who may not search by name", archive.Query{Reach: access.Reach{All: true}}, []string{"PatientName=a"}, fault.Forbidden, tag.PatientName},
			{"who may not search by accession number", archive.Query{Reach: access.Reach{All: true}}, []string{"AccessionNumber=a"}, fault.Forbidden, tag.AccessionNumber},
			{"who may not search by what the header says", archive.Query{Reach: access.Reach{All: true}}, []string{"OtherPatientIDs=a"}, fault.Forbidden, tag.OtherPatientIDs},
		} {
			t.Run(c.name, func(t *testing.T) {
				if c.q.Level == "" {
					c.q.Level = archive.StudyLevel
				}
				if c.q.Reach == (access.Reach{}) {
					c.q.Reach = everybody
				}
				c.q.Keys = ask(t, c.keys...)
				_, err := b.Count(t.Context(), site, c.q)
				if err == nil || fault.Of(err) != c.want || !strings.Contains(err.Error(), c.tag.String()) {
					t.Errorf("%v; want %v about %v", err, c.want, c.tag)
				}
			})
		}
		for _, r := range []access.Reach{{}, {Account: "stranger"}, {Own: "|other"}} {
			q := archive.Query{Level: archive.ImageLevel, Reach: r}
			if got := b.found(q, tag.SOPInstanceUID); got != "" {
				t.Errorf("%+v reaches %s", r, got)
			}
			if n, err := b.Count(t.Context(), site, q); err != nil || n != 0 {
				t.Errorf("%+v counts %d, %v", r, n, err)
			}
		}
		if got := b.found(archive.Query{Level: archive.ImageLevel, Reach: access.Reach{Own: "|PSPS1", Identity: true}}, tag.SOPInstanceUID); got != "1.1.1" {
			t.Errorf("a patient reaches %s", got)
		}
		facts := &access.Facts{DB: b.db, Journal: b.journal, Now: b.Now}
		b.wish(facts, "|PSPS3", access.Restricted)
		if got := b.found(archive.Query{Level: archive.StudyLevel, Reach: everybody}, tag.StudyInstanceUID); got != "4 2 1" {
			t.Errorf("with one restricted: %s", got)
		}
		if got := b.typed("yamada", everybody); got != "" {
			t.Errorf("who is restricted is found as %s", got)
		}
	})
}

func TestSelect(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for study := 1; study <= 2; study++ {
			for _, i := range []int{3, 1, 2} {
				b.mustStore(thing{study: study, series: 1, instance: i}.arrival(t), archive.Added)
			}
		}
		var got []string
		for i, err := range b.Select(t.Context(), site, archive.Query{Level: archive.StudyLevel, Reach: everybody, Keys: ask(t, "StudyInstanceUID=1.2.3.2"), Limit: 2}) {
			if err != nil {
				t.Fatal(err)
			}
			o, err := b.OpenInstance(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			o.Close()
			got = append(got, i.SOP.String())
		}
		if strings.Join(got, " ") != "1.2.3.2.1.1 1.2.3.2.1.2" {
			t.Errorf("selected %v", got)
		}
	})
}
