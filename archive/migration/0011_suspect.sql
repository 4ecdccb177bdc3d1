-- +goose Up
-- Studies of which somebody looked whether they are of the patient they say, and found
-- that nothing is to be done. A kind that arises later anew is shown again.
create table suspect_dismissed (
	site_id text not null,
	study_uid text not null,
	kind text not null, -- two_patients, contradicts, unmatched, late
	updated_ms bigint not null, -- of the study when somebody looked
	reason text not null,
	actor text not null,
	at_ms bigint not null,
	primary key (site_id, study_uid, kind)
);

-- +goose Down
drop table suspect_dismissed;
