-- +goose Up

-- What the examinations of a month were like when they last changed: another version,
-- other examinations. Derived.
create table dose_month (
    site_id  text not null,
    modality text not null,
    month    text not null, -- 2006-01; '' of examinations of unknown day
    version  text not null, -- never twice the same
    primary key (site_id, modality, month)
);
insert into dose_month (site_id, modality, month, version)
    select distinct site_id, modality, substr(day, 1, 7), '1' from dose_examination;

create index dose_study_unassigned on dose_study (site_id, modality, day, unassigned) where unassigned > 0;

-- +goose Down
drop index dose_study_unassigned;
drop table dose_month;
