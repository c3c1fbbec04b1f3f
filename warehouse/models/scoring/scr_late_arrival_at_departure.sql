{{ champion_scores('late_arrival_at_departure', features=[
    ref('ftr_flight__schedule'),
    ref('ftr_flight__at_departure')
]) }}
