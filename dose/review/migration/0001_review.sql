-- +goose Up

-- A case: a finding that people lead to its closure. What derives of it stands in the
-- room finding under the same id; this row outlives every rebuild.
create table review_case (
    case_id      text primary key, -- id of the finding
    site_id      text not null,
    number       bigint not null, -- by which people call it
    rule_set     text not null,
    study_uid    text not null, -- '' of a group
    examination  text not null, -- key within the study
    machine_id   text not null,
    exam_code    text not null,
    day          text not null, -- of the examination
    rule_id      text not null, -- with the highest ratio of those that open it
    quantity     text not null,
    ratio        double precision not null,
    legal        boolean not null,
    substantial  boolean not null,
    withdrawn    boolean not null, -- it does not derive any more
    state        text not null, -- open, assigned, under_review, action_planned, re_measure, closed
    before_state text not null, -- before it was closed
    reason       text not null, -- why it was closed: result, no_result, justified, data_error, not_patient
    words        text not null, -- of the reason, as buttons offer them again
    owner        text not null,
    due          text not null,
    intervention text not null, -- yes, no, '' while nobody decided
    form         text not null, -- JSON
    batch_id     text not null, -- of a justification of several
    snoozed_to   text not null, -- day
    snoozed_why  text not null,
    opened_at    bigint not null,
    reviewed_at  bigint not null, -- first step of a person, 0 while there is none
    closed_at    bigint not null,
    closed_by    text not null,
    told         text not null, -- now, later, never
    told_at      bigint not null
);
create unique index review_case_number on review_case (site_id, number);
create index review_case_state on review_case (site_id, state);
create index review_case_study on review_case (site_id, study_uid);
create index review_case_batch on review_case (site_id, batch_id);

-- What becomes of the skin after a substantial dose.
create table review_check (
    case_id   text primary key,
    site_id   text not null,
    day       text not null, -- of the appointment
    person    text not null, -- who looks
    place     text not null,
    letter_on text not null, -- day on which the patient got it
    result    text not null, -- seen, not_reached, '' while there is none
    seen_on   text not null,
    finding   text not null,
    grade     text not null,
    follow_up text not null,
    attempts  bigint not null,
    version   bigint not null
);

-- Early notices: a line on the day, no case. And doses of the skin as they were estimated.
create table review_line (
    site_id     text not null,
    study_uid   text not null,
    examination text not null,
    rule_id     text not null,
    machine_id  text not null,
    day         text not null,
    result      text not null, -- JSON
    told_at     bigint not null,
    primary key (site_id, study_uid, examination, rule_id)
);

create table review_skin (
    site_id   text not null,
    study_uid text not null,
    gy        double precision not null,
    validity  text not null,
    primary key (site_id, study_uid)
);

-- Up to which arrival studies were judged, and on which day all of them were.
create table review_mark (
    site_id text primary key,
    upto    bigint not null,
    night   text not null
);

-- +goose Down
drop table review_mark;
drop table review_skin;
drop table review_line;
drop table review_check;
drop table review_case;
