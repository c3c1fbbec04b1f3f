insert into ml.model_version (
    model_name, version, task, algorithm, spec, threshold, train_start, train_end, test_start, test_end,
    training_rows, test_rows, training_set_sha256, artifact_sha256, code_version, trained_at)
values
    ('late', 1, 'classification', 'glm', '{"label": {"column": "is_late_arrival"}}', 0.5, '2013-03-08',
        '2013-03-09', '2013-03-10', '2013-03-11', 100, 50, 'a', 'b', 'c', '2014-01-01 00:00:00+00'),
    ('delay', 2, 'regression', 'linear', '{"label": {"column": "arrival_delay_min"}}', null, '2013-03-08',
        '2013-03-09', '2013-03-10', '2013-03-11', 100, 50, 'a', 'b', 'c', '2014-01-01 00:00:00+00');
insert into ml.model_champion values ('late', 1, '2014-01-02 00:00:00+00'), ('delay', 2, '2014-01-02 00:00:00+00');
insert into ml.model_metric (model_name, version, split, subject, metric, value, ci_low, ci_high, n)
values ('late', 1, 'test', 'model', 'auc', 0.75, 0.7, null, 50), ('delay', 2, 'test', 'model', 'mae', 'NaN', null, null, 0);
insert into ml.gate_result (
    model_name, version, gate_number, gate, metric, split, criterion, threshold, value, is_passed, reason, judged_at)
values ('late', 1, 1, 'good', 'auc', 'test', 'at_least', 0.6, 0.75, true, 'because', '2014-01-02 00:00:00+00');
insert into ml.drift (
    model_name, model_version, subject, name, kind, window_start, window_end, reference_rows, current_rows, psi,
    null_share_reference, null_share_current, is_seasonal, is_drifted, is_alert, computed_at)
values
    ('late', 1, 'feature', 'B', 'number', '2013-11-01', '2013-11-30', 10, 20, 0.25, 0.5, 0.75, false, true, false, '2014-01-04 00:00:00+00'),
    ('late', 1, 'feature', 'a', 'number', '2013-11-01', '2013-11-30', 10, 20, 0.25, 0.5, 0.25, false, true, false, '2014-01-04 00:00:00+00'),
    ('late', 1, 'feature', 'é', 'number', '2013-11-01', '2013-11-30', 10, 20, null, 0.5, null, false, false, false, '2014-01-04 00:00:00+00');
insert into ml.prediction (
    model_name, flight_key, flight_date, prediction_at, model_version, margin, score, threshold, is_positive, scored_at)
select 'late', flight_key, flight_date, scheduled_departure_at, 1, 0, mod(flight_number, 16) / 16.0, 0.5,
    mod(flight_number, 16) >= 8, '2014-01-03 00:00:00+00'
from core.fct_flight;
insert into ml.prediction (
    model_name, flight_key, flight_date, prediction_at, model_version, margin, score, scored_at)
select 'delay', flight_key, flight_date, scheduled_departure_at, 2, mod(flight_number, 64), mod(flight_number, 64),
    '2014-01-03 00:00:00+00'
from core.fct_flight
