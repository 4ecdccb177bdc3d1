package content

import "slices"

// numberRules are the numbers by which something is scored or told.
var numberRules = schema{name: "rules", key: []string{"key"}, columns: []column{
	need("key", code), need("value", number), need("unit", text), need("meaning", text), need("source", text),
}}

// kinds says which content there is. A set that is a folder of one of them is
// read, checked and listed without another line of Go.
var kinds = []kind{
	{
		name: "levels", means: "diagnostic reference levels of one publisher and edition",
		tables: []schema{{name: "levels", also: checkLevels, columns: []column{
			need("set_id", code),
			need("country", code),
			need("authority", text),
			allow("year", day),
			need("modality", code),
			need("examination", text),
			known(need("exam_code", code), "exam_codes", "codes", "exam_code"),
			allow("clinical_indication", text),
			known(allow("indication_code", code), "indication_codes", "codes", "indication_code"),
			need("patient_group", text),
			allow("size_min", number),
			allow("size_max", number),
			{name: "size_kind", kind: word, values: []string{"weight_kg", "age_months"}},
			known(need("quantity", text), "quantities", "quantities", "quantity"),
			need("value", positive),
			need("unit", text),
			allow("phantom", text),
			need("statistic", text),
			allow("min_n", integer),
			allow("adopted", day),
			allow("published", day),
			allow("valid_from", day),
			allow("valid_to", day),
			allow("review_due", day),
			oneOf("governing", "no"), // who governs is a decision of the site, not of the file
			need("show_as_official", yesNo),
			need("source_kind", text),
			need("source", text),
			allow("note", text),
			{name: "role", kind: word, optional: true, values: []string{"level", "guide"}},
			{name: "page", kind: text, optional: true}, // of the source
		}}},
	},
	{
		name: "quantities", means: "what reference levels are stated in, and the units that may state it",
		tables: []schema{{name: "quantities", key: []string{"quantity"}, columns: []column{
			need("quantity", text),
			need("measure", code),
			{name: "per", kind: word, values: []string{"examination", "sequence", "projection", "view", "breast"}},
			need("unit", text),
			need("units", list),
			allow("note", text),
		}}},
	},
	{
		name: "patterns", means: "identifiers that are set apart",
		tables: []schema{{name: "patterns", key: []string{"field", "pattern"}, columns: []column{
			oneOf("field", "id", "name", "protocol", "age", "birth_date"),
			need("pattern", text),
			allow("note", text),
		}}},
	},
	{
		name: "dose_screens", means: "how images of what scanners display of dose are recognised",
		tables: []schema{{name: "screens", key: []string{"screen"}, columns: []column{
			need("screen", code),
			allow("manufacturer", text),
			need("modality", code),
			allow("series_number", integer),
			allow("description", text),
			allow("image_type", text),
			allow("note", text),
		}}},
	},
	{
		name: "exam_codes", means: "own codes of examinations",
		tables: []schema{{name: "codes", key: []string{"exam_code"}, columns: slices.Concat(
			[]column{need("exam_code", code)}, labels("label"),
			[]column{need("modality", code), allow("region", list)},
		)}},
	},
	{
		name: "indication_codes", means: "own codes of clinical indications",
		tables: []schema{{name: "codes", key: []string{"indication_code"}, columns: slices.Concat(
			[]column{need("indication_code", code)}, labels("label"),
		)}},
	},
	{
		name: "term_words", means: "words, abbreviations and names by which codes are found",
		tables: []schema{
			{name: "words", key: []string{"word"}, columns: []column{
				need("word", text),
				allow("means", list), // nothing: it tells nothing of the examination
				oneOf("language", "en", "de", "fr", "all"),
				oneOf("kind", "word", "abbreviation", "neutral"),
			}},
			{name: "names", columns: []column{
				known(allow("exam_code", code), "exam_codes", "codes", "exam_code"),
				known(allow("indication_code", code), "indication_codes", "codes", "indication_code"),
				oneOf("language", "en", "de", "fr", "all"),
				need("name", text),
			}},
		},
	},
	{
		name: "reject_reasons", means: "reasons for rejected exposures",
		tables: []schema{{name: "reasons", key: []string{"reason_code"}, columns: slices.Concat(
			[]column{need("reason_code", code)}, labels("label"),
			[]column{need("counts_as_reject", yesNo), need("status", text)},
		)}},
	},
	{
		name: "equipment_tests", means: "quality control tests of equipment, with default intervals and without tolerances",
		tables: []schema{{name: "tests", key: []string{"test"}, columns: slices.Concat(
			[]column{need("test", code), need("group", text)}, labels("label"),
			[]column{need("interval_days", integer), need("after_change", yesNo), need("result", text), need("status", text)},
		)}},
	},
	{
		name: "equipment_age", means: "bands of the age of equipment, and which share each should have",
		tables: []schema{{name: "bands", key: []string{"band"}, columns: []column{
			need("band", code),
			need("from_years", integer),
			allow("to_years", integer),
			oneOf("share_at", "least", "most"),
			need("share", positive),
			need("source", text),
		}}},
	},
	{
		name: "incident_kinds", means: "kinds and grades of incidents",
		tables: []schema{
			{name: "kinds", key: []string{"kind_code"}, columns: slices.Concat([]column{
				need("kind_code", code),
				{name: "exposure", kind: yesNo, optional: true}, // an unintended exposure of a patient
			}, labels("label"))},
			{name: "severities", key: []string{"severity_code"}, columns: slices.Concat([]column{need("severity_code", code)}, labels("label"))},
		},
	},
	{
		name: "incident_causes", means: "causes of incidents",
		tables: []schema{{name: "causes", key: []string{"cause_code"}, columns: slices.Concat([]column{need("cause_code", code)}, labels("label"))}},
	},
	{
		name: "survey_rules", means: "how results of surveys are told",
		tables: []schema{
			numberRules,
			{name: "measures", key: []string{"form"}, columns: []column{
				need("form", text), need("question", text), need("top", list), need("meaning", text), need("source", text),
			}},
		},
	},
	{
		name: "reason_codes", means: "codes of reasons for an examination, and the indications they are",
		tables: []schema{{name: "codes", key: []string{"schemes", "code"}, columns: []column{
			need("schemes", list),
			need("code", code),
			known(need("indication_code", code), "indication_codes", "codes", "indication_code"),
			need("meaning", text),
			need("source", text),
		}}},
	},
	{
		name: "protocol_settings", means: "what a scanner protocol consists of, and when a new version of it begins",
		tables: []schema{
			{name: "settings", key: []string{"setting"}, columns: slices.Concat(
				[]column{need("setting", code), allow("comment_name", text), oneOf("role", "version", "shown"), allow("step", number), allow("unit", text)},
				labels("label"), []column{need("source", text)},
			)},
			{name: "rules", key: []string{"key"}, columns: []column{
				need("key", code), need("value", number), need("unit", text), need("meaning", text), need("source", text),
			}},
		},
	},
	{
		name: "dose_sentence", means: "the sentence on the dose for the report of an examination, per language",
		tables: []schema{{name: "sentences", key: []string{"key", "language"}, columns: []column{
			oneOf("key", "intro", "examination", "dlp_mgycm", "ctdivol_mgy", "dap_gym2", "rp_gy", "agd_mgy", "activity_mbq", "draft"),
			need("language", code),
			need("text", text),
			allow("one", text), // where the number is 1
		}}},
	},
	{
		name: "dose_states", means: "states and notes of a comparison, their words and shapes",
		tables: []schema{{name: "states", key: []string{"state"}, columns: slices.Concat(
			[]column{need("state", code), oneOf("kind", "state", "note"), need("rule", text)}, labels("word"),
			[]column{need("glyph", text), oneOf("finding", "no", "run", "yes")},
		)}},
	},
	{
		name: "size_groups", means: "groups of children by weight or age",
		tables: []schema{{name: "groups", key: []string{"scheme", "body_or_head", "group"}, columns: []column{
			need("scheme", text),
			oneOf("body_or_head", "body", "head"),
			need("group", text),
			allow("weight_for_age_equivalent", text),
			{name: "common_NDRL_age_group", kind: text},
			need("source", text),
			allow("size_min", number),
			allow("size_max", number),
			oneOf("size_kind", "weight_kg", "age_months"),
		}}},
	},
	{
		name: "code_map", means: "codes of one system and what replaces them in another",
		tables: []schema{{name: "map", key: []string{"srt_code"}, columns: []column{
			need("srt_code", code),
			need("meaning_seen", text),
			allow("sct_code", code),
			allow("note", text),
			need("source", text),
		}}},
	},
	{
		name: "settings", means: "numbers a site may change, with unit and reason",
		tables: []schema{{name: "settings", key: []string{"key"}, columns: []column{
			need("key", code),
			need("value", number),
			need("unit", text),
			need("meaning", text),
			need("source", text),
		}}},
	},
	{
		name: "alert_rules", means: "what triggers a review, and what must still be typed in",
		tables: []schema{{name: "rules", key: []string{"rule_id"}, columns: []column{
			need("rule_id", code),
			need("rule_set", code),
			oneOf("per", "person", "device group"),
			need("scope", text),
			allow("quantity", text),
			allow("aggregation", text),
			allow("acquisition_types", list),
			{name: "operator", kind: word, values: []string{">", ">="}},
			allow("value", text),
			allow("unit", text),
			allow("window", text),
			need("meaning", text),
			oneOf("status", "ready", "site_default", "set_incomplete", "to_confirm", "information", "to_type_in"),
			need("source", text),
			{name: "country", kind: text, optional: true}, // whose law it is, ISO 3166-1 alpha-2
			{name: "traits", kind: list, optional: true},  // legal; substantial: closes with a skin check; notice: a line, no case
		}}},
	},
	{
		name: "alert_scopes", means: "what alert rules take examinations for, and triggers by size",
		tables: []schema{
			{name: "scopes", key: []string{"by", "code"}, columns: []column{
				oneOf("by", "exam_code", "exam_region", "event_region", "room"), need("code", text),
				{name: "region", kind: word, values: []string{"brain", "other"}},
				{name: "intervention", kind: yesNo},
				need("source", text),
			}},
			{name: "bands", key: []string{"rule_id", "size_min"}, columns: []column{
				need("rule_id", code), oneOf("size_kind", "weight_kg", "dw_cm"), need("size_min", number), allow("size_max", positive),
				need("value", positive), need("source", text),
			}},
		},
	},
	{
		name: "size_specific", means: "how CTDIvol becomes a dose estimate for a size",
		tables: []schema{
			{name: "coefficients", key: []string{"phantom", "part"}, columns: []column{
				oneOf("phantom", "head16", "body32"), oneOf("part", "head", "body"),
				need("a", positive), need("b", positive), need("report", text), need("source", text),
			}},
			{name: "diameters", key: []string{"from"}, columns: []column{
				oneOf("from", "ap", "lateral", "sum", "age"), need("form", text),
				need("a", number), need("b", number), need("c", number), need("d", number), allow("x_max", number), need("source", text),
			}},
		},
	},
	{
		name: "dose_factors", means: "effective dose for each DLP, by region, age and tube voltage",
		tables: []schema{{name: "factors", key: []string{"weights", "region", "age", "kvp"}, columns: []column{
			oneOf("weights", "ICRP60", "ICRP103"), need("region", list), need("age", text), allow("kvp", integer),
			need("factor", positive), need("unit", text),
			{name: "phantom", kind: word, values: []string{"", "head16", "body32"}},
			need("verification", text), need("source", text),
		}}},
	},
	{
		name: "skin_dose", means: "how the dose at the reference point becomes dose to the skin",
		tables: []schema{
			{name: "backscatter", key: []string{"side_cm"}, columns: slices.Concat([]column{need("side_cm", positive)}, coefficients("c", 9), []column{need("source", text)})},
			{name: "medium", key: []string{"kvp", "inherent_mmal", "added_mmcu", "side_cm"}, columns: []column{
				need("kvp", positive), need("inherent_mmal", positive), need("added_mmcu", number), need("hvl_mmal", positive),
				need("side_cm", positive), need("factor", positive),
			}},
			{name: "transmission", key: []string{"device", "kvp", "added_mmcu"}, columns: []column{
				known(need("device", code), "skin_dose", "devices", "device"),
				need("kvp", positive), need("added_mmcu", number), need("factor", positive), need("source", text),
			}},
			{name: "devices", key: []string{"manufacturer", "model"}, columns: []column{
				need("device", code), need("manufacturer", text), need("model", text),
				oneOf("across_sign", "1", "-1"), need("across_mm", number),
				oneOf("height_sign", "1", "-1"), need("height_mm", number),
				oneOf("along_sign", "1", "-1"), need("along_mm", number),
				oneOf("primary_sign", "1", "-1"), oneOf("secondary_sign", "1", "-1"),
				oneOf("turn_sign", "1", "-1"), oneOf("tilt_sign", "1", "-1"), oneOf("cradle_sign", "1", "-1"),
				need("inherent_mmal", positive), need("mattress_mm", number), need("table_width_mm", positive), need("table_length_mm", positive),
				need("validated", yesNo), need("source", text),
			}},
			{name: "body", key: []string{"model"}, columns: []column{
				need("model", code), need("height_m", positive), need("mass_kg", positive), need("trunk_mm", positive), need("head_mm", positive),
				need("radius_mm", positive), need("flat_mm", positive), need("height_min_m", positive), need("height_max_m", positive),
				need("mass_min_kg", positive), need("mass_max_kg", positive), need("source", text),
			}},
			{name: "reference_points", key: []string{"said"}, columns: []column{
				need("said", text), need("before_isocentre_mm", number), need("source", text),
			}},
			{name: "settings", key: []string{"key"}, columns: []column{
				need("key", code), need("value", number), need("unit", text), need("meaning", text), need("source", text),
			}},
		},
	},
	{
		name: "activity_factors", means: "effective dose for each activity of a radiopharmaceutical",
		tables: []schema{{name: "factors", key: []string{"agent", "population"}, columns: []column{
			need("agent", text), need("population", text), need("factor", positive), need("unit", text), need("source", text),
			{name: "codes", kind: list, optional: true}, // of the agent, in SNOMED CT
		}}},
	},
	{
		name: "evidence", means: "the facts the program can compute, or will",
		tables: []schema{{name: "facts", key: []string{"id"}, columns: []column{
			need("id", code),
			oneOf("kind", "share", "rate", "stat", "count", "flag"),
			need("unit", text),
			need("window", text),
			need("capability", code),
			need("meaning", text),
			need("numerator", text),
			allow("denominator", text),
			allow("used_by", list),
		}}},
	},
	{
		name: "law_duties", means: "duties of law as requirements, whose they are and what proves them",
		tables: []schema{
			{name: "duties", key: []string{"id"}, columns: slices.Concat(
				[]column{
					need("id", code),
					known(need("law", code), "law_duties", "laws", "law"),
					need("article", text),
					need("verified", yesNo), // the article, or the point used, was read
					known(need("duty_of", references), "law_duties", "parties", "party"),
				}, labels("requirement"),
				[]column{
					need("capability", list),
					allow("audit", list),
					known(allow("evidence", references), "evidence", "facts", "id"),
				},
			)},
			{name: "parties", key: []string{"party"}, columns: slices.Concat([]column{need("party", code)}, labels("label"))},
			{name: "laws", key: []string{"law"}, columns: slices.Concat([]column{need("law", code), need("number", text)}, labels("label"))},
		},
	},
	{
		name: "audit_templates", means: "what a clinical audit asks: standard, target, sample, the articles it serves",
		tables: []schema{
			{name: "templates", key: []string{"id"}, columns: slices.Concat(
				[]column{need("id", code), oneOf("class", "regulatory", "clinical", "service")}, labels("title"),
				[]column{
					need("background", text), need("standard", text),
					oneOf("direction", "min", "max", "present", "rules", "local", "compare"),
					allow("target", number), // share, 0 to 1
					need("target_text", text), allow("target_note", text),
					need("indicator", text), allow("data_items", text),
					need("census", yesNo), allow("sample_n", integer), need("sample_method", text), need("sample_text", text),
					known(allow("evidence", references), "evidence", "facts", "id"),
					oneOf("collection", "automatic", "manual"),
					need("reaudit_months", integer), allow("topic_2019", integer), need("origin", text),
				},
			)},
			{name: "basis", key: []string{"template", "act", "article"}, columns: []column{
				known(need("template", code), "audit_templates", "templates", "id"),
				need("act", text), allow("article", text),
				need("verified", yesNo), // the article was read
			}},
			{name: "rules", key: []string{"key"}, columns: []column{
				need("key", code), need("value", positive), allow("unit", text), need("meaning", text), need("source", text),
			}},
		},
	},
	{
		name: "law_act", means: "dates, articles and roles of one act of law",
		tables: []schema{
			{name: "dates", key: []string{"date"}, columns: slices.Concat(
				[]column{need("date", day)}, labels("what"), []column{oneOf("status", "read", "to_confirm"), allow("note", text)},
			)},
			{name: "articles", key: []string{"article"}, columns: slices.Concat(
				[]column{need("article", text)}, labels("what"), []column{need("verified", yesNo)},
			)},
			{name: "roles", key: []string{"case"}, columns: slices.Concat([]column{need("case", code)}, labels("label"), labels("role"))},
		},
	},
	{
		name: "law_clocks", means: "how long law gives, and how long it wants things kept",
		tables: []schema{{name: "clocks", key: []string{"clock"}, columns: slices.Concat(
			[]column{
				need("clock", code),
				allow("amount", integer),
				oneOf("unit", "hour", "day", "month", "year", "none"),
				need("law", code), // own: a proposal of ours
				allow("article", text),
				need("verified", yesNo),
			}, labels("meaning"), []column{allow("note", text)},
		)}},
	},
	{
		name: "law_requests", means: "what a person may ask for, and the work it takes",
		tables: []schema{
			{name: "requests", key: []string{"request"}, columns: slices.Concat(
				[]column{need("request", code), need("law", code), need("article", text), need("verified", yesNo)}, labels("label"),
			)},
			{name: "steps", key: []string{"request", "step"}, columns: slices.Concat(
				[]column{known(need("request", code), "law_requests", "requests", "request"), need("step", code)}, labels("label"),
			)},
		},
	},
	{
		name: "law_purposes", means: "processing activities, their purposes and legal bases by country",
		tables: []schema{
			{name: "activities", key: []string{"activity"}, columns: slices.Concat(
				[]column{need("activity", code)}, labels("label"),
				[]column{
					need("purposes", list), // HL7 v3 PurposeOfUse
					need("secondary", yesNo),
					known(need("data", references), "law_purposes", "terms", "term"),
					known(need("persons", references), "law_purposes", "terms", "term"),
					known(need("recipients", references), "law_purposes", "terms", "term"),
					known(need("retention", references), "law_retention", "rules", "data"),
					need("capability", list), // the rooms that do it
					known(need("measures", references), "law_purposes", "terms", "term"),
				},
			)},
			{name: "bases", key: []string{"activity", "country", "article"}, columns: []column{
				known(need("activity", code), "law_purposes", "activities", "activity"),
				need("country", code), // ISO 3166-1 alpha-2, or EU where nothing else is said
				need("article", text),
				allow("note", text),
				need("verified", yesNo),
				need("source", text),
			}},
			{name: "terms", key: []string{"kind", "term"}, columns: slices.Concat(
				[]column{need("term", code), oneOf("kind", "data", "persons", "recipients", "measures")}, labels("label"),
			)},
		},
	},
	{
		name: "law_retention", means: "how long what has to be kept, by country",
		tables: []schema{{name: "rules", key: []string{"rule"}, columns: slices.Concat(
			[]column{
				need("rule", code),
				need("country", code), // ISO 3166-1 alpha-2, or EU where nothing else is said
				need("data", code),
				need("rooms", list),
				allow("amount", integer),
				oneOf("unit", "day", "month", "year", "none"),
				oneOf("since", "last_record", "each_access", "closed", "ended", "run"),
				allow("until_age", integer), // of minors, at least
			}, labels("meaning"),
			[]column{need("law", text), need("verified", yesNo), need("source", text)},
		)}},
	},
	{name: "forms", means: "forms to answer: FHIR Questionnaires, one a file", texts: ".json", parse: parseForm},
	{name: "access_policies", means: "who may do what, in the Cedar language", texts: ".cedar", parse: parseCedar},
	{
		name: "common_passwords", means: "passwords that are refused, and words that make one no better",
		tables: []schema{{name: "passwords", key: []string{"password"}, columns: []column{
			need("password", text),
		}}},
	},
	{
		name: "journal_retention", means: "how long entries of the journal are kept at least",
		tables: []schema{{name: "rules", key: []string{"rule_id"}, columns: []column{
			need("rule_id", code),
			need("kind", text),
			oneOf("about", "any", "person"),
			need("days", integer),
			need("floor", yesNo),
			need("why", text),
			need("source", text),
		}}},
	},
	{
		name: "hl7_map", means: "where the messages of a sender say what the program wants to know, and what their codes mean",
		tables: []schema{
			{name: "paths", key: []string{"target", "messages", "path"}, columns: []column{
				need("target", code),
				need("messages", text),
				need("path", text),
				oneOf("form", "text", "code", "cwe", "cx", "date", "ei", "place", "rp", "time", "xcn", "xpn"),
				allow("note", text),
			}},
			{name: "codes", key: []string{"target", "system", "code"}, columns: []column{
				need("target", code),
				need("system", text),
				need("code", text),
				need("value", text),
				allow("note", text),
			}},
		},
	},
	{
		name: "archive_retention", means: "how long studies are kept at least, by country, modality and age",
		tables: []schema{{name: "rules", key: []string{"rule"}, columns: slices.Concat(
			[]column{
				need("rule", code),
				need("country", code),    // ISO 3166-1 alpha-2
				need("modalities", list), // of the series, or any
				allow("from_age", integer),
				allow("below_age", integer), // at the time of the study
				need("years", integer),
				oneOf("since", "study", "last_record"),
				allow("until_age", integer), // in any case until this birthday
			}, labels("meaning"),
			[]column{need("law", text), need("verified", yesNo), need("source", text)},
		)}},
	},
	{
		name: "maturity_model", means: "indicators, gates and rules of the digital maturity self-assessment",
		tables: []schema{
			{name: "areas", key: []string{"area"}, columns: slices.Concat([]column{need("area", code)}, labels("label"))},
			{name: "gates", key: []string{"gate"}, columns: slices.Concat(
				[]column{need("gate", code), allow("level", integer)}, labels("label"), []column{need("meaning", text), need("source", text)},
			)},
			{name: "answers", key: []string{"answer"}, columns: slices.Concat([]column{need("answer", code)}, labels("label"))},
			{name: "indicators", key: []string{"indicator"}, columns: []column{
				need("indicator", code),
				known(need("area", code), "maturity_model", "areas", "area"),
				known(need("gate", code), "maturity_model", "gates", "gate"),
				need("mandatory", yesNo),
				allow("required", integer), // of a mandatory one
				need("text_en", text), allow("text_de", text), allow("text_fr", text),
				known(allow("evidence", code), "evidence", "facts", "id"),
				oneOf("mode", "measured", "supported", "declared"),
				oneOf("not_applicable", "no", "reason", "single_area"),
				need("floor", yesNo),
			}},
			numberRules,
		},
	},
	{
		name: "maturity_stars", means: "criteria and rules of the quality stars",
		tables: []schema{
			{name: "topics", key: []string{"topic"}, columns: slices.Concat([]column{need("topic", code)}, labels("label"))},
			{name: "criteria", key: []string{"criterion"}, columns: []column{
				need("criterion", code),
				known(need("topic", code), "maturity_stars", "topics", "topic"),
				need("star", integer),
				need("mandatory", yesNo),
				need("text_en", text), allow("text_de", text), allow("text_fr", text),
				need("met_when", text),
				oneOf("mode", "measured", "declared"),
			}},
			{name: "conditions", key: []string{"criterion", "evidence", "test"}, columns: []column{
				known(need("criterion", code), "maturity_stars", "criteria", "criterion"),
				known(need("evidence", code), "evidence", "facts", "id"),
				oneOf("test", "share", "denominator", "count", "fresh", "shown"), // shown: a person judges
				allow("least", number),
			}},
			numberRules,
		},
	},
	{
		name: "rejection_titles", means: "what a rejection note does with the instances that it names",
		tables: []schema{{name: "titles", key: []string{"code"}, columns: slices.Concat(
			[]column{
				need("code", text),
				need("scheme", text),
				need("title", text),
				need("hides", yesNo),
				need("kept", yesNo),
				need("again", yesNo),
			}, labels("label"), []column{need("source", text)},
		)}},
	},
	{name: "demonstration", means: "what the demonstration is made from: synthetic, never a reference", free: true},
}

// Kinds returns the names of the kinds of content and what each is for.
func Kinds() map[string]string {
	all := map[string]string{}
	for _, k := range kinds {
		all[k.name] = k.means
	}
	return all
}

// kindOf returns the kind of this name.
func kindOf(name string) (kind, bool) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}
