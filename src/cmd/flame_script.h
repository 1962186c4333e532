/* SPDX-License-Identifier: Apache-2.0 */
/* What a flame graph does when it is looked at: a click enlarges a frame, Search or Ctrl-F colours names, Escape goes back. */
#ifndef SPILE_CMD_FLAME_SCRIPT_H
#define SPILE_CMD_FLAME_SCRIPT_H

static const char flame_script[] =
	"var W=1180,X=10,all=[],found='',info,shown,back;\n"
	"function frames(){return document.querySelectorAll('g.f')}\n"
	"function num(g,n){return parseFloat(g.getAttribute('data-'+n))}\n"
	"function name(g){return g.getAttribute('data-n')}\n"
	"function place(g,x,w){var r=g.querySelector('rect'),t=g.querySelector('text'),n=Math.floor((w-4)/6.6),s=name(g);\n"
	" g.style.display=w<0.2?'none':'';r.setAttribute('x',x);r.setAttribute('width',Math.max(w-0.4,0.2));t.setAttribute('x',x+3);\n"
	" t.textContent=n<3?'':s.length<=n?s:s.substring(0,n-2)+'..'}\n"
	"function zoom(z){var a=num(z,'x'),w=num(z,'w'),d=num(z,'d'),i,g,x,v;\n"
	" for(i=0;i<all.length;i++){g=all[i];x=num(g,'x');v=num(g,'w');g.style.opacity='';\n"
	"  if(num(g,'d')<d&&x<=a+1e-9&&x+v>=a+w-1e-9){place(g,X,W);g.style.opacity='0.5'}\n"
	"  else if(x>=a-1e-9&&x+v<=a+w+1e-9)place(g,X+(x-a)/w*W,v/w*W);else g.style.display='none'}\n"
	" back.style.display=d>0?'':'none'}\n"
	"function reset(){zoom(all[0])}\n"
	"function search(s){var i,g,r,re,hits=[],sum=0,end=-1;found=s;\n"
	" try{re=s?new RegExp(s):null}catch(e){re=null}\n"
	" for(i=0;i<all.length;i++){g=all[i];r=g.querySelector('rect');\n"
	"  if(re&&re.test(name(g))){r.setAttribute('fill','#c8f');hits.push([num(g,'x'),num(g,'w')])}else r.setAttribute('fill',r.getAttribute('data-c'))}\n"
	" hits.sort(function(a,b){return a[0]-b[0]||b[1]-a[1]});\n"
	" for(i=0;i<hits.length;i++)if(hits[i][0]>=end-1e-9){sum+=hits[i][1];end=hits[i][0]+hits[i][1]}\n"
	" shown.textContent=re?'\"'+s+'\": '+(100*sum/num(all[0],'w')).toFixed(1)+'%':''}\n"
	"function ask(){var s=found?'':prompt('Functions (a regular expression):','');if(s!==null)search(s)}\n"
	"window.addEventListener('load',function(){all=Array.prototype.slice.call(frames());info=document.getElementById('info');\n"
	" shown=document.getElementById('shown');back=document.getElementById('back');back.addEventListener('click',reset);\n"
	" document.getElementById('search').addEventListener('click',ask);\n"
	" all.forEach(function(g){g.addEventListener('click',function(){zoom(g)});\n"
	"  g.addEventListener('mouseover',function(){info.textContent=g.querySelector('title').textContent});\n"
	"  g.addEventListener('mouseout',function(){info.textContent=''})});\n"
	" window.addEventListener('keydown',function(e){if(e.key==='Escape'){search('');reset()}\n"
	"  else if(e.ctrlKey&&e.key==='f'||e.key==='F3'){e.preventDefault();found='';ask()}})});\n";

#endif
