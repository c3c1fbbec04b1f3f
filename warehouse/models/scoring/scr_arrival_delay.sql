{{ champion_scores('arrival_delay', features=[
    ref('ftr_flight__schedule'),
    ref('ftr_flight__weather_2h'),
    ref('ftr_flight__airport_state_2h')
]) }}
