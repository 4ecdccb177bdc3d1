-- +goose Up
-- Whether instances of a study say different things of whom it is about, of its accession
-- number or its day, so that a series is not matched by what its study says.
alter table study add column varies boolean not null default false;
update study set varies = patient_differs;
create index study_varied on study (site_id, id) where varies;

-- +goose Down
drop index study_varied;
alter table study drop column varies;
